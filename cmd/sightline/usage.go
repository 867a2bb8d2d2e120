package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// explain makes a command and those below it say what they want, in place of how many
// arguments they got. It is for the whole of a tree that is complete.
func explain(c *cobra.Command) {
	for _, below := range c.Commands() {
		explain(below)
	}
	wants := c.Args
	if !c.Runnable() {
		wants, c.RunE = cobra.NoArgs, func(c *cobra.Command, _ []string) error { return c.Help() }
	}
	c.Args = func(c *cobra.Command, args []string) error {
		for i, a := range args {
			if strings.TrimSpace(a) == "" {
				return fmt.Errorf("%sargument %d is empty: want `%s`", called(c), i+1, synopsis(c))
			}
		}
		switch {
		case wants == nil || wants(c, args) == nil:
			return nil
		case c.HasAvailableSubCommands():
			return unknownCommand(c, args[0])
		case wants(c, append(slices.Clone(args), "more")) == nil, wants(c, append(slices.Clone(args), "and", "more")) == nil:
			return fmt.Errorf("%swant `%s`", called(c), synopsis(c))
		}
		return fmt.Errorf("%s%q is one argument too many: want `%s`", called(c), args[len(args)-1], synopsis(c))
	}
}

// called is "breaker trip: ", and nothing for the program itself.
func called(c *cobra.Command) string {
	_, name, ok := strings.Cut(c.CommandPath(), " ")
	if !ok {
		return ""
	}
	return name + ": "
}

// synopsis is how a command is called, flags left out.
func synopsis(c *cobra.Command) string {
	if !c.HasParent() {
		return c.Use
	}
	return c.Parent().CommandPath() + " " + c.Use
}

// unknownCommand says which commands there are, or which one may be meant.
func unknownCommand(c *cobra.Command, name string) error {
	if c.SuggestionsMinimumDistance == 0 {
		c.SuggestionsMinimumDistance = 2
	}
	if close := c.SuggestionsFor(name); len(close) > 0 {
		return fmt.Errorf("%sthere is no command %q: did you mean %s?", called(c), name, oneOfWords(close))
	}
	var all []string
	for _, below := range c.Commands() {
		if below.IsAvailableCommand() && below.Name() != "help" && below.Name() != "completion" {
			all = append(all, below.Name())
		}
	}
	return fmt.Errorf("%sthere is no command %q: want %s", called(c), name, oneOfWords(all))
}

// oneOfWords is "a, b or c".
func oneOfWords(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// checkFlags says which flags are missing, and which exclude each other. It is asked
// before cobra says so in its own words.
func checkFlags(c *cobra.Command) error {
	var missing error
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if must := f.Annotations[cobra.BashCompOneRequiredFlag]; missing == nil && len(must) > 0 && must[0] == "true" && !f.Changed {
			missing = fmt.Errorf("%swant %s: %s", called(c), dashed(f), f.Usage)
		}
	})
	if missing != nil {
		return missing
	}
	err := c.ValidateFlagGroups()
	if err == nil {
		return nil
	}
	if both := wereSet.FindStringSubmatch(err.Error()); both != nil {
		return fmt.Errorf("%s--%s exclude each other", called(c), strings.Join(strings.Fields(both[1]), " and --"))
	}
	return err
}

// wereSet is how cobra names the flags of a group of which one may be set.
var wereSet = regexp.MustCompile(`\[([^\]]+)\] were all set$`)

// flagFault says what is wrong with a flag on the command line, and what would be right.
func flagFault(c *cobra.Command, err error) error {
	if errors.Is(err, pflag.ErrHelp) {
		return err
	}
	help := fmt.Sprintf("`%s --help` lists those there are", c.CommandPath())
	if e, ok := errors.AsType[*pflag.NotExistError](err); ok {
		name := "--" + e.GetSpecifiedName()
		if short := e.GetSpecifiedShortnames(); short != "" {
			name = "-" + e.GetSpecifiedName()
		}
		return fmt.Errorf("%sthere is no flag %s: %s", called(c), name, help)
	}
	if e, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return fmt.Errorf("%s%s: wants a value: %s", called(c), dashed(e.GetFlag()), e.GetFlag().Usage)
	}
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return fmt.Errorf("%s%s %q: %s", called(c), dashed(e.GetFlag()), e.GetValue(), wanted(e))
	}
	return fmt.Errorf("%s%w; %s", called(c), err, help)
}

func dashed(f *pflag.Flag) string {
	if f.Shorthand != "" {
		return "-" + f.Shorthand + ", --" + f.Name
	}
	return "--" + f.Name
}

// wanted is what a flag's value has to be. Flags with types of our own say it themselves.
func wanted(e *pflag.InvalidValueError) string {
	switch e.GetFlag().Value.Type() {
	case "duration":
		return "want a duration such as 30s, 5m or 24h"
	case "int", "uint32":
		return "want a whole number"
	case "float64":
		return "want a number"
	case "bool":
		return "want true or false"
	}
	return e.Unwrap().Error()
}
