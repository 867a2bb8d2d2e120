package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/sightline-mesh/sightline/ui/session"
)

const userKey = "sightline.user" // gin's context key of the session.User

// contentPolicy allows what the built app consists of and nothing else. Styles set
// from script go through the CSSOM, which needs no exception.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// secured sets the headers that every answer carries.
func secured(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if isAPI(c.Request.URL.Path) {
		h.Set("Cache-Control", "no-store")
	}
}

func isAPI(path string) bool {
	return slices.ContainsFunc([]string{"/api/", "/prometheus/", "/jaeger/", "/tempo/", "/zipkin/"}, func(below string) bool {
		return strings.HasPrefix(path, below)
	})
}

// guard lets a request through to a route when its user may.
func (a *API) guard(r route) gin.HandlerFunc {
	return func(c *gin.Context) {
		user, byCookie := a.deps.Sessions.User(c.Request)
		if byCookie || r.role == session.Nobody {
			if err := a.sameSite.Check(c.Request); err != nil {
				a.refuse(c, problem(http.StatusForbidden, "this request comes from another site"))
				return
			}
		}
		if !user.Role.Allows(r.role) {
			a.refuse(c, denied(user, r.role))
			return
		}
		c.Set(userKey, user)
	}
}

func denied(u session.User, need session.Role) *Problem {
	if u.Role == session.Nobody {
		return problem(http.StatusUnauthorized, "sign in with the link that Sightline printed at its start, or send a bearer token")
	}
	return problem(http.StatusForbidden, "this needs the role "+string(need)+"; yours is "+string(u.Role))
}

// userOf is the user that guard let through.
func userOf(c *gin.Context) session.User {
	u, _ := c.Get(userKey)
	user, _ := u.(session.User)
	return user
}

// signInRequest is the body of POST /api/v1/session.
type signInRequest struct {
	Token string `json:"token"` // the part of the link after #token=
}

func (a *API) signIn(c *gin.Context) (any, error) {
	var in signInRequest
	if err := readJSON(c, &in); err != nil {
		return nil, err
	}
	if in.Token == "" {
		return nil, badField("token", "is empty")
	}
	id, user, err := a.deps.Sessions.SignIn(in.Token)
	if errors.Is(err, session.ErrLink) {
		// Only wrong guesses are limited, so nobody can lock out the holder of the link.
		if !a.signIns.AllowN(a.now(), 1) {
			c.Header("Retry-After", "2")
			return nil, problem(http.StatusTooManyRequests, "too many wrong sign-in attempts; wait a moment")
		}
		return nil, problem(http.StatusUnauthorized, err.Error())
	}
	if err != nil {
		return nil, err
	}
	a.setCookie(c, id, 7*24*time.Hour)
	return user, nil
}

func (a *API) signOut(c *gin.Context) (any, error) {
	if cookie, err := c.Request.Cookie(session.CookieName); err == nil {
		a.deps.Sessions.SignOut(cookie.Value)
	}
	a.setCookie(c, "", -time.Second)
	return nil, nil
}

func (*API) setCookie(c *gin.Context, value string, life time.Duration) {
	http.SetCookie(c.Writer, &http.Cookie{
		Name: session.CookieName, Value: value, Path: "/", MaxAge: int(life.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: c.Request.TLS != nil,
	})
}

// link is an answer of POST /api/v1/session/link.
type link struct {
	Path string `json:"path"` // of the one-time link, from the root of this server
}

func (a *API) newLink(*gin.Context) (any, error) {
	return link{Path: "/signin#token=" + a.deps.Sessions.Link()}, nil
}

// readJSON decodes a small JSON body strictly.
func readJSON(c *gin.Context, into any) error {
	const limit = 64 << 10
	b, err := readBody(c, limit)
	if err != nil {
		return err
	}
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return jsonFault(err)
	}
	if d.More() {
		return badField("body", "has something after the JSON value")
	}
	return nil
}

func jsonFault(err error) *Problem {
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && t.Field != "" {
		return badField(t.Field, "is a "+t.Value+", want "+t.Type.String())
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return badField(strings.Trim(name, `"`), "is no field of this body")
	}
	return badField("body", "is not the JSON that is wanted here: "+err.Error())
}
