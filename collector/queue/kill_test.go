package queue

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
)

// killedEnv makes the test binary a process with a queue in a directory. It puts each line
// that it reads into it as a request, and says which is safe. Its store is a file.
const killedEnv = "SIGHTLINE_TEST_QUEUE_DIR"

func runUntilKilled(dir string) {
	file, err := os.OpenFile(filepath.Join(dir, "stored"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		panic(err)
	}
	c := testConfig(filepath.Join(dir, "queue"))
	c.BatchItems = 20
	q := newQueue(c, wordForm(), Deps[*request]{
		Prepare: func(c Content[*request], name string) func(context.Context) error {
			line := fmt.Appendln(nil, name, strings.Join(c.Request.words, " "))
			return func(context.Context) error { return storeOrNot(file, line) }
		},
		Books: newStore(), Log: zap.NewNop(),
		Sieve: marker(rune('0' + rand.N(10))), Delay: 5 * time.Millisecond,
	})
	if err := q.Start(context.Background(), nil); err != nil {
		panic(err)
	}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		request, _ := wordForm().Decode(in.Bytes())
		if err := q.Append(request); err != nil {
			panic(err)
		}
		fmt.Println(request.words[0])
	}
}

// marker is a sieve that leaves nothing out, so that all can be counted, but marks the words
// that have its letter: each process has another one.
type marker rune

func (marker) Note(*request, time.Time) {}

func (m marker) Sift(r *request) (*request, []byte) {
	note := []byte(string(m))
	return m.Resift(r, note), note
}

func (marker) Resift(r *request, note []byte) *request {
	marked := words()
	for _, w := range r.words {
		if strings.Contains(w, string(note)) {
			w += "!"
		}
		marked.words = append(marked.words, w)
	}
	return marked
}

// storeOrNot stores a batch, or does not; tells, or does not.
func storeOrNot(file io.Writer, line []byte) error {
	chance := rand.N(4)
	if chance != 0 {
		if _, err := file.Write(line); err != nil {
			return err
		}
	}
	time.Sleep(rand.N(4 * time.Millisecond))
	if chance < 2 {
		return errors.New("no answer")
	}
	return nil
}

// A process that is killed at any moment is followed by one that loses nothing that was
// said to be safe, stores nothing twice, and sifts a batch as it was sifted before.
func TestKilledAtAnyMoment(t *testing.T) {
	dir := t.TempDir()
	var safe []string
	for life, next := 0, 0; life < 12; life++ {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), killedEnv+"="+dir)
		cmd.Stderr = t.Output()
		in, err := cmd.StdinPipe()
		must(t, err)
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		written := make(chan int)
		go func() {
			n := next
			for ; ; n++ {
				if _, err := fmt.Fprintf(in, "r%d a%d b%d\n", n, n, n); err != nil {
					written <- n + 1
					return
				}
			}
		}()
		said := bufio.NewScanner(out)
		for end := 1 + rand.N(300); end > 0 && said.Scan(); end-- {
			safe = append(safe, said.Text())
		}
		must(t, cmd.Process.Kill())
		for said.Scan() {
			safe = append(safe, said.Text())
		}
		_ = cmd.Wait() // says that it was killed
		next = <-written
	}
	stored := drain(t, dir)
	for _, r := range safe {
		for _, word := range []string{r, "a" + r[1:], "b" + r[1:]} {
			if stored[word] != 1 {
				t.Errorf("%s is there %d times", word, stored[word])
			}
		}
	}
	for word, n := range stored {
		if n != 1 {
			t.Errorf("%s is there %d times", word, n)
		}
	}
	t.Logf("%d requests were safe, %d words are stored", len(safe), len(stored))
}

// drain ends a queue that processes were killed over, and counts each word that is stored.
// Every try at a batch must have been of the same words.
func drain(t *testing.T, dir string) map[string]int {
	t.Helper()
	c := testConfig(filepath.Join(dir, "queue"))
	c.BatchItems = 20
	b, err := os.ReadFile(filepath.Join(dir, "stored"))
	must(t, err)
	s := newStore()
	counted := map[string]int{}
	for line := range strings.Lines(string(b)) {
		name, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		batch := strings.Fields(rest)
		if before, again := s.batches[name]; again && !slices.Equal(before, batch) {
			t.Errorf("batch %s was %d words, and then %d", name, len(before), len(batch))
		}
		s.batches[name] = batch
	}
	q, stop := start(t, c, s, func(d *Deps[*request]) { d.Sieve = marker('x') })
	must(t, q.Append(words("rlast", "alast", "blast")))
	until(t, "all is over", func() bool { return q.cuts.Done() == q.log.Next() })
	stop()
	for _, batch := range s.batches {
		for _, w := range batch {
			counted[strings.TrimSuffix(w, "!")]++
		}
	}
	return counted
}
