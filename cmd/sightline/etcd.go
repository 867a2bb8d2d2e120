package main

import (
	"github.com/spf13/pflag"

	"github.com/sightline-mesh/sightline/controlplane/store"
)

// etcdFlags say where the control plane's state is, and who this control plane is to
// others on it.
type etcdFlags struct {
	endpoints       []string
	access          store.Access
	member          store.Member
	name, advertise string
}

// registerCluster has the flags of an etcd cluster that is there.
func (e *etcdFlags) registerCluster(f *pflag.FlagSet) {
	f.StringSliceVar(&e.endpoints, "etcd", nil, "endpoints of an etcd cluster to use instead of the embedded one (https://a:2379,https://b:2379); any number of control planes may")
	f.StringSliceVar(&e.endpoints, "etcd-endpoints", nil, "the same as --etcd")
	_ = f.MarkHidden("etcd-endpoints") // fails for an unknown flag alone
	f.StringVar(&e.access.CAFile, "etcd-ca-file", "", "roots of the cluster's certificates (default: this machine's)")
	f.StringVar(&e.access.CertFile, "etcd-cert-file", "", "certificate to show to the cluster")
	f.StringVar(&e.access.KeyFile, "etcd-key-file", "", "its key")
	f.StringVar(&e.access.User, "etcd-user", "", "user of the cluster")
	f.StringVar(&e.access.PasswordFile, "etcd-password-file", "", "file with the user's password")
}

// registerMember has the flags of who is a member of several.
func (e *etcdFlags) registerMember(f *pflag.FlagSet) {
	f.StringVar(&e.member.Name, "etcd-name", "", "name of the embedded etcd as one member of several")
	f.StringVar(&e.member.Peers, "etcd-peers", "", "all members, this one too: a=https://10.0.0.1:2380,b=https://10.0.0.2:2380,c=https://10.0.0.3:2380; the state lives while more than half of them do")
}

func (e *etcdFlags) register(f *pflag.FlagSet) {
	e.registerCluster(f)
	e.registerMember(f)
	f.StringVar(&e.member.Listen, "etcd-peer-listen", "", "address to listen to the other members at (default: that of this one's URL)")
	f.StringVar(&e.member.CertFile, "etcd-peer-cert-file", "", "certificate to show to the other members, good for client and server")
	f.StringVar(&e.member.KeyFile, "etcd-peer-key-file", "", "its key")
	f.StringVar(&e.member.CAFile, "etcd-peer-ca-file", "", "roots of the other members' certificates")
	f.StringVar(&e.name, "name", "", "name of this control plane among others on the same etcd (default: --etcd-name, or made up)")
	f.StringVar(&e.advertise, "advertise", "", "host:port that other control planes reach this one at (default: the address it listens on)")
}

// args are the flags that were given, to be passed on to another process.
func (*etcdFlags) args(given *pflag.FlagSet) []string {
	known := pflag.NewFlagSet("", pflag.ContinueOnError)
	new(etcdFlags).register(known)
	var out []string
	given.Visit(func(f *pflag.Flag) {
		if known.Lookup(f.Name) == nil {
			return
		}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			for _, one := range list.GetSlice() {
				out = append(out, "--"+f.Name+"="+one)
			}
			return
		}
		out = append(out, "--"+f.Name+"="+f.Value.String())
	})
	return out
}
