package chhttp

import (
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"

	"github.com/sightline-mesh/sightline/collector/store/engine"
)

const (
	codeRequiredPassword     = 194
	codeAuthenticationFailed = 516
)

// authenticate checks the user and password of basic authentication, of ClickHouse's
// own headers or of the URL, whichever comes first.
func (s *server) authenticate(r *http.Request) error {
	user, password, given := r.BasicAuth()
	if h := r.Header.Get("X-ClickHouse-User"); !given && h != "" {
		user, password, given = h, r.Header.Get("X-ClickHouse-Key"), true
	}
	if q := r.URL.Query(); !given && (q.Has("user") || q.Has("password")) {
		user, password, given = q.Get("user"), q.Get("password"), true
	}
	if s.matches(cmp.Or(user, "default"), password) {
		return nil
	}
	if !given {
		return engine.NewError(codeRequiredPassword, "REQUIRED_PASSWORD", "Password required")
	}
	return engine.NewError(codeAuthenticationFailed, "AUTHENTICATION_FAILED",
		user+": Authentication failed: password is incorrect, or there is no user with such name.")
}

// matches takes as long for a wrong password as for a right one, of whatever length.
func (s *server) matches(user, password string) bool {
	return same(user, cmp.Or(s.config.User, "default"))&same(password, s.config.Password) == 1
}

func same(a, b string) int {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:])
}
