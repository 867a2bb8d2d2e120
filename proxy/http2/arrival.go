package http2

// arrival is a connection as its reader reads it: what has come is told of before the
// reader waits for more.
type arrival conn

// Read implements io.Reader.
func (a *arrival) Read(p []byte) (int, error) {
	c := (*conn)(a)
	c.announce()
	n, err := c.nc.Read(p)
	c.mu.Lock()
	c.reading = true
	c.mu.Unlock()
	return n, err
}

// announce tells of what has come.
func (c *conn) announce() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reading = false
	for i, s := range c.news {
		c.news[i] = nil
		s.wakeNow()
	}
	c.news = c.news[:0]
	for i, s := range c.opening {
		c.opening[i] = nil
		c.role.start(s)
	}
	c.opening = c.opening[:0]
}
