package session

// Role is what a user may do. Each role may do all that the ones before it may.
type Role string

// The roles, from least to most.
const (
	Nobody   Role = ""         // not signed in
	Viewer   Role = "viewer"   // reads everything
	Operator Role = "operator" // shifts traffic, trips and releases breakers
	Admin    Role = "admin"    // changes configuration, makes tokens and sign-in links
)

// Allows reports whether a user of role r may do what needs role need.
func (r Role) Allows(need Role) bool { return r.rank() >= need.rank() }

// Known reports whether r is one of the roles above.
func (r Role) Known() bool { return r == Nobody || r.rank() > 0 }

func (r Role) rank() int {
	switch r {
	case Viewer:
		return 1
	case Operator:
		return 2
	case Admin:
		return 3
	}
	return 0
}

// User is who sent a request.
type User struct {
	Name string `json:"name"`
	Role Role   `json:"role"`
}
