package main

import (
	"slices"
	"testing"

	"github.com/spf13/pflag"
)

func TestEtcdFlagsArePassedOn(t *testing.T) {
	var e etcdFlags
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	e.register(f)
	f.String("listen", "", "")
	given := []string{"--etcd=https://a:2379,https://b:2379", "--listen=:1", "--etcd-user=ada", "--name=cp-1"}
	if err := f.Parse(given); err != nil {
		t.Fatal(err)
	}
	got := e.args(f)
	slices.Sort(got)
	want := []string{"--etcd-user=ada", "--etcd=https://a:2379", "--etcd=https://b:2379", "--name=cp-1"}
	if !slices.Equal(got, want) {
		t.Errorf("passes on %q, want %q", got, want)
	}
}
