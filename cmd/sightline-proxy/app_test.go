package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sightline-mesh/sightline/proxy/handover"
)

// actAs makes the test's program play another part: the sidecar, or an app of a user's.
const actAs = "SIGHTLINE_TEST_ACT_AS"

func TestMain(m *testing.M) {
	role := os.Getenv(actAs)
	if os.Getenv(handover.Variable) != "" {
		role = "sidecar" // that goes on for another, whose environment it has
	}
	switch role {
	case "":
		os.Exit(m.Run())
	case "sidecar":
		_ = os.Setenv(actAs, "app") // for the app, which inherits it
		main()
	case "app":
		os.Exit(actApp(os.Args[1:]))
	}
}

// actApp is an app that knows nothing of the mesh:
//
//	serve      answer requests until told to end
//	idle FILE  write the file, then do nothing until told to end
//	deaf FILE  the same, but write there when told to end, and do not
//	repeat     say again what is typed, and exit with 9 when interrupted
//	greet ADDR speak first on a port, and repeat what is said
//	get URL    send one request and exit with 7 if it was answered
func actApp(args []string) int {
	if args[0] == "get" {
		body, err := send(http.MethodGet, args[1])
		if err != nil {
			fmt.Println("app:", err)
			return 1
		}
		fmt.Println("app got", body)
		return 7
	}
	switch args[0] {
	case "greet":
		return actGreet(args[1])
	case "deaf":
		return actDeaf(args[1])
	case "repeat":
		return actRepeat()
	}
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM)
	if args[0] == "idle" {
		_ = os.WriteFile(args[1], nil, 0o600)
		<-asked
		return 0
	}
	s := &http.Server{Addr: os.Getenv("APP_ADDRESS"), ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(serveApp)}
	failed := make(chan error, 1)
	go func() { failed <- s.ListenAndServe() }()
	select {
	case <-asked:
	case err := <-failed:
		fmt.Println("app:", err)
		return 1
	}
	// The way out is still open while an app says its last words.
	if url := os.Getenv("APP_FAREWELL"); url != "" {
		if _, err := send(http.MethodGet, url); err != nil {
			fmt.Println("app:", err)
			return 1
		}
	}
	return 0
}

// actDeaf writes its process's id, and then that it was asked to end.
func actDeaf(file string) int {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM)
	_ = os.WriteFile(file, []byte(strconv.Itoa(os.Getpid())), 0o600)
	<-asked
	_ = os.WriteFile(file, []byte("asked"), 0o600)
	select {} // until it is killed
}

// actRepeat says what it reads.
func actRepeat() int {
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, syscall.SIGINT)
	go func() {
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			fmt.Println("the app heard", lines.Text())
		}
	}()
	fmt.Println("ready")
	<-interrupted
	fmt.Println("interrupted")
	return 9
}

// served counts the requests that came by the mesh.
var served atomic.Int64

func serveApp(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/call":
		body, err := send(r.Method, r.URL.Query().Get("url"))
		if err != nil {
			body = err.Error()
		}
		_, _ = io.WriteString(w, body)
	case "/env":
		_, _ = io.WriteString(w, strings.Join(os.Environ(), "\n"))
	case "/pid":
		_, _ = io.WriteString(w, strconv.Itoa(os.Getpid()))
	case "/seen":
		from, _, _ := net.SplitHostPort(r.RemoteAddr)
		fmt.Fprintf(w, "seen from %s, id %v", from, r.Header.Get("X-Request-Id") != "")
	case "/served":
		_, _ = io.WriteString(w, strconv.FormatInt(served.Load(), 10))
	default:
		served.Add(1)
		_, _ = io.WriteString(w, "hello from "+os.Getenv("SIGHTLINE_SERVICE"))
	}
}

// send does what any Go program does; the proxy comes from the environment.
func send(method, url string) (string, error) {
	// Not a reader that net/http knows: it must not send the body again by itself.
	req, err := http.NewRequest(method, url, io.LimitReader(strings.NewReader("body"), 4))
	if err != nil {
		return "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return "", err
	}
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("status %d: %s (%s)", res.StatusCode, b, res.Header.Get("X-Sightline-Reason"))
	}
	return string(b), nil
}
