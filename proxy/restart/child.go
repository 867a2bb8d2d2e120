package restart

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
	"github.com/sightline-mesh/sightline/proxy/handover"
)

// The lines that are spoken between an heir and the process that started it.
const (
	lineState   = "state " // to the heir, with the state
	lineDrain   = "drain"  // to the heir, which answers lineDrained
	lineYield   = "yield"  // to the heir
	lineReady   = "ready"  // from the heir
	lineLeaving = "leaving"
	lineDrained = "drained"
)

// child is a generation in a process of its own.
type child struct {
	cmd     *exec.Cmd
	control *net.UnixConn
	far     *os.File

	ready   chan struct{} // closed when it says so
	drained chan struct{} // likewise
	left    atomic.Bool
	over    chan struct{}
	result  error // read after over

	writing sync.Mutex // orders lines
}

// Request is how a process is to be started.
type Request struct {
	Program string   // path of the program
	Args    []string // its arguments
}

// spawn starts an heir and waits until it can carry requests. An heir that cannot is
// ended. The estate stays the caller's.
func spawn(ctx context.Context, r Request, e *handover.Estate) (*child, error) {
	near, far, err := handover.Pair()
	if err != nil {
		return nil, err
	}
	give, toHeir, err := handover.Pair()
	if err != nil {
		return nil, errors.Join(err, near.Close(), far.Close())
	}
	control, err := handover.Connection(near)
	if err != nil {
		return nil, errors.Join(err, far.Close(), give.Close(), toHeir.Close())
	}
	own := *e
	own.Control, own.Give = far, give
	c := &child{
		control: control, far: toHeir,
		ready: make(chan struct{}), drained: make(chan struct{}), over: make(chan struct{}),
	}
	err = c.start(r, &own)
	err = errors.Join(err, far.Close(), give.Close()) // the child has its own
	if err != nil {
		c.kill()
		return nil, errors.Join(err, control.Close(), toHeir.Close())
	}
	return c, c.await(ctx)
}

func (c *child) start(r Request, e *handover.Estate) error {
	environ, err := e.Environ(os.Environ())
	if err != nil {
		return err
	}
	c.cmd = exec.Command(r.Program, r.Args...) //nolint:noctx,gosec // it ends by its control connection; its program is the caller's to choose
	c.cmd.Env = environ
	c.cmd.Stdout, c.cmd.Stderr = os.Stdout, os.Stderr
	c.cmd.ExtraFiles = e.Files()
	c.cmd.SysProcAttr = groupOfItsOwn()
	if err := c.cmd.Start(); err != nil {
		close(c.over)
		return fmt.Errorf("start %s: %w", r.Program, err)
	}
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		c.listen()
	}()
	go func() { // Supervisor.Run waits for over
		defer close(c.over)
		c.result = c.cmd.Wait()
		_ = c.control.Close() // listen returns, if it has not
		<-heard
	}()
	return nil
}

// await waits until the heir is ready. One that does not get there is ended.
func (c *child) await(ctx context.Context) error {
	select {
	case <-c.ready:
		return nil
	case <-c.over:
		return fmt.Errorf("the new process ended before it was ready: %w", errors.Join(c.result, c.far.Close()))
	case <-ctx.Done():
	}
	c.kill()
	<-c.over
	return fmt.Errorf("the new process was not ready in time: %w", errors.Join(context.Cause(ctx), c.far.Close()))
}

// listen hears what the heir says until it has ended.
func (c *child) listen() {
	for lines := bufio.NewScanner(c.control); lines.Scan(); {
		switch lines.Text() {
		case lineReady:
			closeOnce(c.ready)
		case lineDrained:
			closeOnce(c.drained)
		case lineLeaving:
			c.left.Store(true)
		}
	}
}

// closeOnce is for one goroutine only.
func closeOnce(c chan struct{}) {
	select {
	case <-c:
	default:
		close(c)
	}
}

// tell says a line. A child that does not hear it has ended, or will be found to have.
func (c *child) tell(line string) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.control.SetWriteDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}
	_, err := c.control.Write([]byte(line + "\n"))
	return err
}

func (c *child) setState(s mesh.InstanceState) { _ = c.tell(lineState + string(s)) } // its end is seen elsewhere

func (c *child) drainInbound() {
	if c.tell(lineDrain) != nil {
		return
	}
	select {
	case <-c.drained:
	case <-c.over:
	}
}

func (c *child) yield([]string) error   { return c.tell(lineYield) }
func (c *child) end()                   { _ = c.control.CloseWrite() } // an ended one needs no telling
func (c *child) leaving() bool          { return c.left.Load() }
func (c *child) ended() <-chan struct{} { return c.over }
func (c *child) toHeir() *os.File       { return c.far }

func (c *child) kill() {
	if c.cmd != nil && c.cmd.Process != nil {
		_ = c.cmd.Process.Kill() // it may have ended
	}
}

func (c *child) err() error {
	if c.result == nil {
		return nil
	}
	return fmt.Errorf("the sidecar's process ended: %w", c.result)
}

// stateIn reads a lineState.
func stateIn(line string) (mesh.InstanceState, bool) {
	s, ok := strings.CutPrefix(line, lineState)
	return mesh.InstanceState(s), ok
}
