package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/aymanbagabas/go-udiff"
	"github.com/spf13/cobra"

	"github.com/sightline-mesh/sightline/cmd/sightline/client"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

// asking puts a question to the person; no is the answer where there is none to ask.
type asking func(c *cobra.Command, question string) bool

// confirm asks on the terminal.
func confirm(c *cobra.Command, question string) bool {
	in, ok := c.InOrStdin().(*os.File)
	if !ok || !terminal(in) || !terminal(c.ErrOrStderr()) {
		return false
	}
	fmt.Fprint(c.ErrOrStderr(), question+" [Y/n] ")
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil {
		return false
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "" || strings.HasPrefix("yes", answer)
}

func isConflict(err error) bool {
	p, ok := errors.AsType[*client.ProblemError](err)
	return ok && p.Status == http.StatusConflict
}

// conflict keeps what was written and, if the person agrees, takes the version that is
// there now as the one to replace. It is what to show on top then: what has changed.
func (e *editing) conflict(refused error) (remarks string, err error) {
	now, err := stored(e.c, e.g, e.was)
	if err != nil { // deleted, or not to be had
		return "", keptIn(e.file, e.sent, refused)
	}
	if err := os.WriteFile(e.file, []byte(e.sent), 0o600); err != nil {
		return "", keptIn(e.file, e.sent, refused) // which says why not
	}
	fmt.Fprintf(e.c.ErrOrStderr(), "edit: %s\nWhat was written is in %s\n", meanwhile(now), e.file)
	if !e.agree(e.c, "Open it again, with what has changed on top?") {
		return "", keptIn(e.file, e.sent, refused)
	}
	remarks = changedMeanwhile(e.was, now)
	e.was = now
	return remarks, nil
}

func meanwhile(now mesh.Resource) string {
	return fmt.Sprintf("%s %s/%s was changed by %s at %s, while it was being edited.",
		now.Kind, now.Namespace, now.Name, cmp.Or(now.By, "somebody"), cell(now.Changed))
}

// changedMeanwhile are the remarks that show what somebody else did.
func changedMeanwhile(was, now mesh.Resource) string {
	var b strings.Builder
	say := func(line string) { b.WriteString(strings.TrimRight(remark+line, " ") + "\n") }
	say(meanwhile(now))
	say("Below is what you wrote. This is what the other change did, to be taken over or not:")
	diff := udiff.Unified("as it was", "as it is now", lines(was.Manifest), lines(now.Manifest))
	for line := range strings.Lines(diff) {
		say("  " + strings.TrimRight(line, "\n"))
	}
	say("These lines are left out when it is applied. Leave the file as it is, or empty, to give up;")
	say("take them out to put what you wrote in the place of what is there now.")
	return b.String()
}

// keptIn is an error of who has to go on with what was written.
func keptIn(file, text string, err error) error {
	if kept := os.WriteFile(file, []byte(text), 0o600); kept != nil {
		return fmt.Errorf("%w (and what was written could not be kept: %w)", err, kept)
	}
	conflict := isConflict(err)
	err = fmt.Errorf("%w\nWhat was written is in %s", err, file)
	if conflict {
		err = fmt.Errorf("%w: `sightline diff -f` shows how it differs from what is there now, and `sightline apply -f` puts it in its place", err)
	}
	return err
}
