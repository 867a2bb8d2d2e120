package run

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"
	"syscall"
)

// User is whom the app runs as, where that is not whom the sidecar runs as.
type User struct {
	uid, gid uint32
	groups   []uint32
	name     string // empty if it has none
	home     string
}

// ParseUser reads a name or number, and after a colon a group's if that is not the
// user's own: "www-data", "1000", "1000:1000".
func ParseUser(s string) (*User, error) {
	name, group, hasGroup := strings.Cut(s, ":")
	u := &User{}
	found, err := user.Lookup(name)
	if err != nil {
		found, err = user.LookupId(name)
	}
	switch {
	case err == nil:
		if u, err = userOf(found); err != nil {
			return nil, err
		}
	case !hasGroup:
		return nil, fmt.Errorf("%q is no user of this machine; a number that is none needs its group, as in 1000:1000", name)
	default:
		if u.uid, err = number(name); err != nil {
			return nil, fmt.Errorf("%q is no user of this machine", name)
		}
	}
	if hasGroup {
		if u.gid, err = groupID(group); err != nil {
			return nil, err
		}
		u.groups = nil
	}
	return u, nil
}

func userOf(found *user.User) (*User, error) {
	u := &User{name: found.Username, home: found.HomeDir}
	var err1, err2 error
	u.uid, err1 = number(found.Uid)
	u.gid, err2 = number(found.Gid)
	groups, err3 := found.GroupIds()
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, fmt.Errorf("user %s: %w", found.Username, err)
	}
	for _, g := range groups {
		id, err := number(g)
		if err != nil {
			return nil, fmt.Errorf("groups of user %s: %w", found.Username, err)
		}
		u.groups = append(u.groups, id)
	}
	return u, nil
}

func groupID(s string) (uint32, error) {
	if found, err := user.LookupGroup(s); err == nil {
		s = found.Gid
	}
	id, err := number(s)
	if err != nil {
		return 0, fmt.Errorf("%q is no group of this machine", s)
	}
	return id, nil
}

func number(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err
}

// errNotRoot says why an app cannot be another user's.
var errNotRoot = errors.New("only root can run an app as another user")

// CanSwitch reports why this process cannot run an app as another user, nil if it can.
func CanSwitch() error {
	if os.Geteuid() != 0 {
		return errNotRoot
	}
	return nil
}

// environ is env as the user's, whose home is another.
func (u *User) environ(env []string) []string {
	out := make([]string, 0, len(env)+3)
	for _, e := range env {
		name, _, _ := strings.Cut(e, "=")
		if name != "HOME" && name != "USER" && name != "LOGNAME" {
			out = append(out, e)
		}
	}
	if u.name != "" {
		out = append(out, "HOME="+u.home, "USER="+u.name, "LOGNAME="+u.name)
	}
	return out
}

func (u *User) credential() *syscall.Credential {
	return &syscall.Credential{Uid: u.uid, Gid: u.gid, Groups: u.groups}
}
