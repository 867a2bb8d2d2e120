package main

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy"
)

// portFlag is --port, which may be repeated. It implements flag.Value.
type portFlag struct {
	into      *[]mesh.Port
	outranked bool    // what is there is of the environment: the first flag replaces it
	bad       []error // numbers that are no ports, to be told with all other faults
}

func (*portFlag) String() string { return "" }

// Set adds "8080", "grpc=9090" or several of those between commas, each with
// "protocol=grpc" after it if that is known. Nothing, or 0, takes back what was there.
func (p *portFlag) Set(s string) error {
	none := s == "" || s == "0"
	if p.outranked || none {
		*p.into, p.bad, p.outranked = nil, nil, false
	}
	if none {
		return nil
	}
	for i, one := range strings.Split(s, ",") {
		name, value, named := strings.Cut(one, "=")
		var err error
		switch {
		case name == "protocol" && i > 0:
			err = p.speak(value)
		case named:
			err = p.add(name, value)
		default:
			err = p.add("", one)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// speak says what is spoken on the last port.
func (p *portFlag) speak(protocol string) (err error) {
	if last := len(*p.into) - 1; last >= 0 { // else that was no port
		(*p.into)[last].Protocol, err = mesh.ParseAppProtocol(protocol)
	}
	return err
}

func (p *portFlag) add(name, number string) error {
	n, err := strconv.Atoi(number)
	switch {
	case err != nil:
		return fmt.Errorf("%q: want a port, such as 8080, grpc=9090 or admin=9091,protocol=http", number)
	case n < 1 || n > 65535:
		p.bad = append(p.bad, fmt.Errorf("port: %d is not a port", n))
	default:
		*p.into = append(*p.into, mesh.Port{Number: uint16(n), Name: name})
	}
	return nil
}

var errUpstream = errors.New("want name=host:port, such as orders=127.0.0.1:9101, db=127.0.0.1:9102,protocol=tcp or hello=127.0.0.1:9103,port=9090; or a name alone")

// upstream reads "name=host:port" or a name alone, each with "port=9090" and
// "protocol=tcp" after it. A service at a port of its own is an upstream of its own.
func (c *command) upstream(s string) error {
	if c.config.Upstreams == nil {
		c.config.Upstreams = map[string]proxy.Upstream{}
	}
	var all upstreamFlags
	for one := range strings.SplitSeq(s, ",") {
		if err := all.add(one); err != nil {
			return err
		}
	}
	for _, one := range all {
		u := c.config.Upstreams[one.name]
		u.Address = one.address
		if one.protocol != "" {
			u.Protocol = one.protocol
		}
		c.config.Upstreams[one.name] = u
	}
	return nil
}

type upstreamFlag struct {
	name, address string
	protocol      mesh.AppProtocol
}

type upstreamFlags []upstreamFlag

func (all *upstreamFlags) add(one string) error {
	name, value, ok := strings.Cut(one, "=")
	_, _, noAddress := net.SplitHostPort(value)
	last := len(*all) - 1
	setting := last >= 0 && ok && noAddress != nil
	switch {
	case setting && name == "protocol":
		var err error
		(*all)[last].protocol, err = mesh.ParseAppProtocol(value)
		return err
	case setting && name == "port":
		_, err := parsePort(value)
		(*all)[last].name += ":" + value
		return err
	case ok && noAddress != nil, name == "":
		return errUpstream
	}
	*all = append(*all, upstreamFlag{name: name, address: value})
	return nil
}
