package handover

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func listener(t *testing.T) *net.TCPListener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.(*net.TCPListener)
}

// ends are both ends of a connection by way of a listener.
func ends(t *testing.T, l net.Listener) (client, accepted net.Conn) {
	t.Helper()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	if accepted, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = accepted.Close() })
	for _, c := range []net.Conn{client, accepted} {
		if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	return client, accepted
}

func pair(t *testing.T) (near, far *net.UnixConn) {
	t.Helper()
	a, b, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	for file, into := range map[*os.File]**net.UnixConn{a: &near, b: &far} {
		if *into, err = Connection(file); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	return near, far
}

// Bytes that came before a connection was passed on are there for who reads it then,
// and the other end sees nothing of it.
func TestPassedConnectionGoesOn(t *testing.T) {
	near, far := pair(t)
	names := []string{"outbound", "upstream orders"}
	giver, err := NewGiver(near, names)
	if err != nil {
		t.Fatal(err)
	}
	const many = 50
	l := listener(t)
	clients := make([]net.Conn, many)
	for i := range many {
		client, accepted := ends(t, l)
		clients[i] = client
		if _, err := fmt.Fprintf(client, "before %d\n", i); err != nil {
			t.Fatal(err)
		}
		if !giver.Give(accepted, names[i%2]) {
			t.Fatalf("connection %d was not passed on", i)
		}
		if err := accepted.Close(); err != nil { // forgotten here
			t.Fatal(err)
		}
	}
	if giver.Give(clients[0], "admin") {
		t.Error("a connection of an unknown listener was passed on")
	}
	if a, b := net.Pipe(); giver.Give(a, names[0]) || b == nil {
		t.Error("a pipe was passed on")
	}
	if err := giver.Close(); err != nil {
		t.Fatal(err)
	}
	var got []string
	n := 0
	if err := Take(far, names, func(listener string, c net.Conn) {
		defer func() { _ = c.Close() }()
		line, err := bufio.NewReader(c).ReadString('\n')
		if err != nil || line != fmt.Sprintf("before %d\n", n) {
			t.Errorf("read %q, %v of connection %d", line, err, n)
		}
		if _, err := io.WriteString(c, "after\n"); err != nil {
			t.Error(err)
		}
		got = append(got, listener)
		n++
	}); err != nil {
		t.Fatal(err)
	}
	if n != many || got[0] != "outbound" || got[1] != "upstream orders" {
		t.Errorf("%d connections came, of %v", n, got)
	}
	for i, c := range clients {
		if all, err := io.ReadAll(c); err != nil || string(all) != "after\n" {
			t.Errorf("client %d read %q, %v", i, all, err)
		}
	}
}

func TestNobodyTakes(t *testing.T) {
	near, far := pair(t)
	giver, err := NewGiver(near, []string{"outbound"})
	if err != nil {
		t.Fatal(err)
	}
	if err := far.Close(); err != nil {
		t.Fatal(err)
	}
	_, accepted := ends(t, listener(t))
	if giver.Give(accepted, "outbound") {
		t.Error("a connection was passed on to nobody")
	}
	if _, err := accepted.Write([]byte("x")); err != nil {
		t.Errorf("it is of no use any more: %v", err)
	}
}

// What says nothing of a connection, or names no listener, takes nothing down.
func TestNonsenseIsNotTaken(t *testing.T) {
	near, far := pair(t)
	if _, err := near.Write([]byte("ab")); err != nil {
		t.Fatal(err)
	}
	giver, err := NewGiver(near, []string{"a", "unknown to the taker"})
	if err != nil {
		t.Fatal(err)
	}
	client, accepted := ends(t, listener(t))
	if !giver.Give(accepted, "unknown to the taker") {
		t.Fatal("not passed on")
	}
	if err := accepted.Close(); err != nil {
		t.Fatal(err)
	}
	if err := giver.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Take(far, []string{"a"}, func(string, net.Conn) { t.Error("took something") }); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Read(make([]byte, 1)); err != io.EOF { //nolint:errorlint // Read returns it bare
		t.Errorf("the connection that nobody serves reads %v, want its end", err)
	}
}

// The duplicate of a listener accepts when the first has been closed, and the first can
// still be closed while it waits.
func TestDuplicateOutlivesTheFirst(t *testing.T) {
	l := listener(t)
	f, err := Duplicate(l, "outbound")
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Fd() // as os/exec does
	e := Estate{Will: Will{Listeners: []string{"outbound"}}, Listeners: []*os.File{f}}
	waited := make(chan error, 1)
	go func() {
		_, err := l.Accept()
		waited <- err
	}()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-waited:
		if err == nil {
			t.Error("a closed listener accepted")
		}
	case <-time.After(time.Minute):
		t.Fatal("a listener that was duplicated cannot be closed")
	}
	again, err := e.Listener("outbound")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close() }()
	if client, accepted := ends(t, again); client.LocalAddr().String() != accepted.RemoteAddr().String() {
		t.Error("another connection was accepted")
	}
	if none, err := e.Listener("admin"); none != nil || err != nil {
		t.Errorf("a listener that was not handed over: %v, %v", none, err)
	}
}

func TestInherited(t *testing.T) {
	if e, err := Inherited(); e != nil || err != nil {
		t.Errorf("nobody's heir: %v, %v", e, err)
	}
	e := Estate{Will: Will{Workload: "shop", State: mesh.Ready, Listeners: []string{"outbound"}}}
	own, err := e.Environ([]string{"A=b"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"A=b", Variable + `={"workload":"shop","state":"ready","listeners":["outbound"]}`}
	if diff := cmp.Diff(want, own); diff != "" {
		t.Error(diff)
	}
	t.Setenv(Variable, "nonsense")
	if _, err := Inherited(); err == nil {
		t.Error("nonsense was inherited")
	}
	if _, there := os.LookupEnv(Variable); there {
		t.Error("the variable would reach the app")
	}
}
