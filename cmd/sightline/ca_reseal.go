package main

import (
	"errors"
	"fmt"
	"os/user"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sightline-mesh/sightline/controlplane/admin"
	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func newCAReseal(g *globals) *cobra.Command {
	var planes, file string
	var finish, abandon, force bool
	c := &cobra.Command{
		Use:   "reseal",
		Short: "Replace the passphrase that seals the CA's private keys",
		Long: "Replace the passphrase that seals the CA's private keys, in three steps and with keys that can be opened\n" +
			"at every moment: `reseal --passphrase-file new` seals them with the new one as well; then every control\n" +
			"plane is started again with the new one (--ca-passphrase-file), one after the other; then\n" +
			"`reseal --finish` keeps them sealed with that alone. It is run where a control plane is, by who may read\n" +
			"its directory (--dir).",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			asked := admin.ResealRequest{Step: admin.ResealAdd, Force: force, By: operator()}
			switch {
			case finish:
				asked.Step = admin.ResealFinish
			case abandon:
				asked.Step = admin.ResealAbandon
			case file == "":
				return errors.New("reseal: want --passphrase-file with the new passphrase, --finish or --abandon")
			}
			var err error
			if asked.Passphrase, err = passphraseIn(file); err != nil {
				return err
			}
			client, token, err := beside(c.Context(), g, planes, "reseal")
			if err != nil {
				return fmt.Errorf("reseal: %w", err)
			}
			defer client.Close()
			asked.Token = token
			at, err := client.Reseal(c.Context(), asked)
			if err != nil {
				return fmt.Errorf("reseal: %w", err)
			}
			return g.print(c.OutOrStdout(), at, func(t *table) { sealingText(t, at) })
		},
	}
	f := c.Flags()
	f.StringVar(&planes, "control-plane", "127.0.0.1:15012", "host:port of the control plane on this machine")
	f.StringVar(&file, "passphrase-file", "", "file with the new passphrase")
	f.BoolVar(&finish, "finish", false, "keep the keys sealed with the new passphrase alone")
	f.BoolVar(&abandon, "abandon", false, "keep them sealed with the passphrase of before alone")
	f.BoolVar(&force, "force", false, "finish though there are control planes without the new one: they go on with what they have opened, and do not start again")
	c.MarkFlagsMutuallyExclusive("passphrase-file", "finish", "abandon")
	return c
}

// operator is the name of who runs this command, for the timeline.
func operator() string {
	who, err := user.Current()
	if err != nil {
		return ""
	}
	return who.Username
}

func sealingText(t *table, at mesh.Sealing) {
	switch {
	case !at.Twice:
		t.row("keys", "sealed with one passphrase")
	case len(at.Waiting) > 0:
		t.row("keys", "sealed with both passphrases")
		t.row("start with the new one", strings.Join(at.Waiting, ", "))
	default:
		t.row("keys", "sealed with both passphrases; every control plane has the new one")
	}
	if at.Twice {
		t.row("next step", "sightline ca reseal --finish, once every control plane has the new one")
	}
}
