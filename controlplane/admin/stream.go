package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// stream makes a call whose answer may take as long as it likes. The caller closes the
// answer's body. An answer that is a refusal is an *Error.
func (c *Client) stream(ctx context.Context, path string, in any) (*http.Response, error) {
	address := c.planes.Current()
	res, err := c.streamFrom(ctx, address, path, in)
	if _, refused := errors.AsType[*Error](err); err != nil && !refused {
		c.planes.Failed(address) // who asks again asks the next
	}
	return res, err
}

// streamFrom makes such a call at one control plane.
func (c *Client) streamFrom(ctx context.Context, address, path string, in any) (*http.Response, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", http.MethodPost, path, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base(address)+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask control plane: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	endless := http.Client{Transport: c.http.Transport}
	res, err := endless.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask control plane: %w", err)
	}
	if res.StatusCode/100 != 2 {
		defer res.Body.Close()
		return nil, refusalOf(res.StatusCode, io.LimitReader(res.Body, maxAnswer))
	}
	return res, nil
}
