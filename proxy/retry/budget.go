package retry

import (
	"sync"
	"time"
)

const (
	// budgetSpan is how far back requests and retries are counted, in seconds.
	budgetSpan = slots
	// What a request pays in, a retry takes out, and each second allows for nothing,
	// in thousandths of a retry: a fifth of the requests, and ten per second.
	deposit    = 200
	withdrawal = 1000
	allowance  = 10 * withdrawal
)

// Budget bounds retries to a share of the requests, so that retries cannot keep an
// overloaded service down: 20 % of the requests of the last 10 s, and 10 per second
// for senders of few requests. Its methods may be called from any goroutine.
type Budget struct {
	now func() time.Time

	mu      sync.Mutex
	start   time.Time
	balance window // paid in less taken out, a slot for each second since start
}

// NewBudget makes a budget that reads the time from now.
func NewBudget(now func() time.Time) *Budget {
	return &Budget{now: now, start: now()}
}

// Deposit counts a request; retries of it are not to be deposited.
func (b *Budget) Deposit() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.add(deposit)
}

// Withdraw takes the budget for one retry, and reports whether there was enough.
func (b *Budget) Withdraw() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.advance()
	if b.balance.sum+budgetSpan*allowance < withdrawal {
		return false
	}
	b.add(-withdrawal)
	return true
}

func (b *Budget) add(amount int64) {
	b.advance()
	b.balance.add(amount)
}

// advance forgets the seconds that have left the span.
func (b *Budget) advance() { b.balance.advance(int64(b.now().Sub(b.start) / time.Second)) }
