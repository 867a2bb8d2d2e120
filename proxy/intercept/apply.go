package intercept

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Backend is the program that tells the kernel.
type Backend string

// The backends. Auto is nftables if it works here, else iptables.
const (
	Auto     Backend = "auto"
	NFTables Backend = "nft"
	IPTables Backend = "iptables"
)

// ParseBackend reads a backend's name.
func ParseBackend(s string) (Backend, error) {
	switch b := Backend(s); b {
	case Auto, NFTables, IPTables:
		return b, nil
	}
	return "", fmt.Errorf("backend %q: want auto, nft or iptables", s)
}

// Apply writes the rules, in the place of those of an earlier Apply. It says which
// backend did it. A failed Apply leaves the rules of nftables as they were; those of
// iptables are written for one family after the other.
func Apply(ctx context.Context, r *Rules, b Backend) (Backend, error) {
	if b != IPTables {
		err := nft(ctx, r.NFT())
		if err == nil {
			return NFTables, removeIPTables(ctx)
		}
		if b == NFTables {
			return b, err
		}
		if ipErr := applyIPTables(ctx, r); ipErr != nil {
			return b, errors.Join(err, ipErr)
		}
		return IPTables, nil
	}
	if err := removeNFT(ctx); err != nil {
		return b, err
	}
	return IPTables, applyIPTables(ctx, r)
}

// Undo removes everything that Apply ever wrote, by whichever backend. Where there is
// nothing to remove, or no program that could have written it, that is no error.
func Undo(ctx context.Context) error {
	return errors.Join(removeNFT(ctx), removeIPTables(ctx))
}

// families are the two of iptables.
var families = []struct {
	v6            bool
	save, restore string
	rules         func(r *Rules, saved string) string
}{
	{false, "iptables-save", "iptables-restore", (*Rules).IPTables},
	{true, "ip6tables-save", "ip6tables-restore", (*Rules).IP6Tables},
}

func applyIPTables(ctx context.Context, r *Rules) error {
	for _, f := range families {
		if f.v6 && !hasIPv6() {
			continue
		}
		saved, err := run(ctx, "", f.save, "-t", "nat")
		if err != nil {
			return err
		}
		if _, err := run(ctx, f.rules(r, saved), f.restore, "--noflush"); err != nil {
			return err
		}
	}
	return nil
}

func removeIPTables(ctx context.Context) error {
	var bad []error
	for _, f := range families {
		saved, err := run(ctx, "", f.save, "-t", "nat")
		if errors.Is(err, exec.ErrNotFound) || f.v6 && !hasIPv6() {
			continue
		}
		undo := iptablesUndo(saved)
		if err == nil && undo != "" {
			_, err = run(ctx, undo, f.restore, "--noflush")
		}
		bad = append(bad, err)
	}
	return errors.Join(bad...)
}

func nft(ctx context.Context, script string) error {
	_, err := run(ctx, script, "nft", "-f", "-")
	return err
}

// removeNFT deletes our table if it is there.
func removeNFT(ctx context.Context) error {
	tables, err := run(ctx, "", "nft", "list", "tables")
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return nil
	case err != nil:
		return err
	case !strings.Contains(tables, "table "+nftTable+"\n"):
		return nil
	}
	return nft(ctx, nftUndo)
}

// hasIPv6 reports whether this network namespace has IPv6 at all.
func hasIPv6() bool {
	_, err := os.Stat("/proc/net/if_inet6")
	return err == nil
}

// run runs a program, also one that lies where only root looks for programs. The
// error says what it complained of.
func run(ctx context.Context, input, name string, args ...string) (string, error) {
	path, err := exec.LookPath(name)
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		if err != nil {
			path, err = exec.LookPath(filepath.Join(dir, name))
		}
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, exec.ErrNotFound)
	}
	cmd := exec.CommandContext(ctx, path, args...)
	var out, complaint bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &complaint
	if err := cmd.Run(); err != nil {
		said := strings.TrimSpace(complaint.String())
		if said == "" {
			said = err.Error()
		}
		return "", fmt.Errorf("%s: %s", strings.Join(append([]string{name}, args...), " "), said)
	}
	return out.String(), nil
}
