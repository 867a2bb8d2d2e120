package session

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// TokenFile is the name, in the keeper's directory, of the file with the bearer token
// of local programs. The token gives the role Admin.
const TokenFile = "admin.token"

// CookieName is the name of the cookie that carries a session.
const CookieName = "sightline_session"

const (
	linkLife    = 24 * time.Hour
	sessionLife = 7 * 24 * time.Hour
	idleLife    = 24 * time.Hour
	maxSessions = 1000 // beyond it the longest idle one ends
)

// ErrLink is returned for a sign-in secret that was never given out, was used before
// or has expired.
var ErrLink = errors.New("this sign-in link is not valid or was used before")

// Keeper holds links, sessions and the bearer token. It is safe for concurrent use.
type Keeper struct {
	// Set by Open and never changed.
	bearer    [sha256.Size]byte
	anonymous Role
	now       func() time.Time

	mu       sync.Mutex // guards what follows
	links    map[[sha256.Size]byte]time.Time
	sessions map[[sha256.Size]byte]entry
}

type entry struct {
	user          User
	started, seen time.Time
}

// Config says where a keeper keeps its token and whom it lets in.
type Config struct {
	Dir       string           // made when missing; holds TokenFile, mode 0600
	Anonymous Role             // of requests without credentials; Nobody, the default, turns them away
	Now       func() time.Time // nil is time.Now
}

// Open reads the bearer token from the directory, or makes it.
func Open(c Config) (*Keeper, error) {
	if !c.Anonymous.Known() {
		return nil, fmt.Errorf("anonymous role %q: want viewer, operator, admin or none", c.Anonymous)
	}
	token, err := readToken(c.Dir)
	if err != nil {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Keeper{
		bearer:    sha256.Sum256([]byte(token)),
		anonymous: c.Anonymous,
		now:       c.Now,
		links:     map[[sha256.Size]byte]time.Time{},
		sessions:  map[[sha256.Size]byte]entry{},
	}, nil
}

func readToken(dir string) (string, error) {
	path := filepath.Join(dir, TokenFile)
	b, err := os.ReadFile(path)
	if err == nil {
		if token := strings.TrimSpace(string(b)); token != "" {
			return token, nil
		}
		return "", fmt.Errorf("read API token %s: the file is empty; remove it to have a new one made", path)
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read API token: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make directory of API token: %w", err)
	}
	token := secret()
	if err := os.WriteFile(path, []byte(token+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("write API token: %w", err)
	}
	return token, nil
}

// secret is 256 random bits.
func secret() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program instead
	return base64.RawURLEncoding.EncodeToString(b)
}

// Link makes the secret of a new sign-in link. It works once, within a day.
func (k *Keeper) Link() string {
	s := secret()
	k.mu.Lock()
	defer k.mu.Unlock()
	maps.DeleteFunc(k.links, func(_ [sha256.Size]byte, until time.Time) bool { return k.now().After(until) })
	k.links[sha256.Sum256([]byte(s))] = k.now().Add(linkLife)
	return s
}

// SignIn exchanges a link's secret for a session and spends the link.
func (k *Keeper) SignIn(link string) (id string, u User, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	sum := sha256.Sum256([]byte(link))
	until, ok := k.links[sum]
	delete(k.links, sum)
	if !ok || k.now().After(until) {
		return "", User{}, ErrLink
	}
	k.makeRoom()
	id, u = secret(), User{Name: "admin", Role: Admin}
	k.sessions[sha256.Sum256([]byte(id))] = entry{user: u, started: k.now(), seen: k.now()}
	return id, u, nil
}

// SignOut ends a session.
func (k *Keeper) SignOut(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.sessions, sha256.Sum256([]byte(id)))
}

// User is who sent r, by bearer token, else by cookie, else the anonymous user. A
// bearer token that is wrong is nobody, whatever cookie comes with it.
func (k *Keeper) User(r *http.Request) (u User, byCookie bool) {
	if h := r.Header.Get("Authorization"); h != "" {
		token, ok := strings.CutPrefix(h, "Bearer ")
		sum := sha256.Sum256([]byte(strings.TrimSpace(token)))
		if ok && subtle.ConstantTimeCompare(sum[:], k.bearer[:]) == 1 {
			return User{Name: "token", Role: Admin}, false
		}
		return User{}, false
	}
	if c, err := r.Cookie(CookieName); err == nil {
		if u, ok := k.session(c.Value); ok {
			return u, true
		}
	}
	if k.anonymous != Nobody {
		// Browsers send these requests by themselves too, so they are guarded like a cookie's.
		return User{Name: "anonymous", Role: k.anonymous}, true
	}
	return User{}, false
}

// makeRoom ends what has expired, and the longest idle session when there are too many.
func (k *Keeper) makeRoom() {
	maps.DeleteFunc(k.sessions, func(_ [sha256.Size]byte, e entry) bool { return k.expired(e) })
	if len(k.sessions) < maxSessions {
		return
	}
	var oldest [sha256.Size]byte
	seen := k.now()
	for id, e := range k.sessions {
		if !e.seen.After(seen) {
			oldest, seen = id, e.seen
		}
	}
	delete(k.sessions, oldest)
}

func (k *Keeper) expired(e entry) bool {
	return k.now().Sub(e.started) > sessionLife || k.now().Sub(e.seen) > idleLife
}

func (k *Keeper) session(id string) (User, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	sum := sha256.Sum256([]byte(id))
	e, ok := k.sessions[sum]
	if !ok || k.expired(e) {
		delete(k.sessions, sum)
		return User{}, false
	}
	e.seen = k.now()
	k.sessions[sum] = e
	return e.user, true
}
