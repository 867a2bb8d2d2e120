package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/sightline-mesh/sightline/cmd/sightline/client"
	"github.com/sightline-mesh/sightline/ui/session"
)

// errFound ends a command with status 1 when what it looked at is not as it should
// be, and the command has said so itself. Any other error, which is that the command
// could not do what it should, is status 2.
var errFound = errors.New("findings")

// Where the API is looked for, unless --server or the environment says otherwise.
const (
	serverVariable = "SIGHTLINE_SERVER"
	defaultServer  = "http://127.0.0.1:8080"
)

// globals are the flags of all commands that talk to a running Sightline.
type globals struct {
	server string
	token  string
	dir    string
	output string
}

func newRoot() *cobra.Command {
	g := &globals{}
	root := &cobra.Command{
		Use:           "sightline",
		Short:         "An observability-first service mesh",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(c *cobra.Command, _ []string) error {
			if g.output == wide && c.Name() != "tap" {
				return fmt.Errorf("output %q is for tap: want text, json or yaml", wide)
			}
			return checkFlags(c)
		},
	}
	f := root.PersistentFlags()
	f.StringVar(&g.server, "server", env(serverVariable, defaultServer), "URL of the API, or several of one mesh, with commas between them: the next is asked where one is not to be reached")
	f.StringVar(&g.token, "token-file", "", "file with the API token (default: the one that sightline up made in --dir)")
	f.StringVar(&g.dir, "dir", defaultDir(), "where Sightline keeps its state")
	g.output = "text"
	f.VarP((*format)(&g.output), "output", "o", "text, json or yaml")
	root.AddCommand(
		newUp(g), newDemo(g), newStore(g), newControlPlane(g),
		newApply(g), newGet(g), newDelete(g), newDiscard(g), newStatus(g), newTraffic(g), newEvents(g),
		newEdit(g), newDiff(g), newAnalyze(g), newReplay(g), newHistory(g), newRestore(g), newProxies(g), newDescribe(g), newWhy(g), newTraces(g), newTrace(g), newBreaker(g),
		newToken(g), newCA(g), newSignIn(g), newSLO(g), newWait(g), newTap(g), newTop(g), newBackup(g),
	)
	root.SetFlagErrorFunc(flagFault)
	explain(root)
	_ = root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]cobra.Completion{"text", "json", "yaml"}, cobra.ShellCompDirectiveNoFileComp))
	return root
}

// api is a client of the running Sightline.
func (g *globals) api() (*client.Client, error) { return g.apiAt(g.server) }

func (g *globals) apiAt(servers string) (*client.Client, error) {
	token := os.Getenv("SIGHTLINE_API_TOKEN")
	if token == "" {
		path := g.token
		if path == "" {
			path = filepath.Join(g.dir, "ui", session.TokenFile)
		}
		var err error
		if token, err = client.TokenFile(path); err != nil {
			return nil, err
		}
	}
	return client.New(servers, token)
}

func env(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

// defaultDir is $XDG_STATE_HOME/sightline, or its usual place.
func defaultDir() string {
	if d := os.Getenv("XDG_STATE_HOME"); d != "" {
		return filepath.Join(d, "sightline")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return filepath.Join(os.TempDir(), fmt.Sprintf("sightline-%d", os.Getuid()))
	}
	return filepath.Join(home, ".local", "state", "sightline")
}
