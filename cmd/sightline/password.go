package main

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
)

// longestPassword is how much of a file is read for one.
const longestPassword = 4096

// readPassword is the first line of a file that has no other.
func readPassword(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, longestPassword+1))
	if err != nil {
		return "", err
	}
	text := strings.TrimRight(string(b), "\r\n")
	switch {
	case text == "":
		return "", fmt.Errorf("%s is empty: want a password", path)
	case len(b) > longestPassword || strings.ContainsAny(text, "\r\n"):
		return "", fmt.Errorf("%s holds more than a password: want one line of at most %d bytes", path, longestPassword)
	}
	return text, nil
}

// withPassword puts the password in a file into the address of a ClickHouse server, which
// must not have one already.
func withPassword(address, path string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || address == "" || u.Host == "" {
		return "", errors.New("clickhouse-password-file: there is no address of a server to go with it; want --clickhouse clickhouse://user@host:9000/sightline")
	}
	if _, has := u.User.Password(); has {
		return "", errors.New("clickhouse-password-file: the server's address has a password too; want one of them")
	}
	password, err := readPassword(path)
	if err != nil {
		return "", fmt.Errorf("clickhouse-password-file: %w", err)
	}
	user := u.User.Username()
	if user == "" {
		user = "default"
	}
	u.User = url.UserPassword(user, password)
	return u.String(), nil
}
