package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// checkSecret: a key travels in a header.
func checkSecret(s string) error {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return fmt.Errorf("character %d cannot stand in a header: no spaces, line ends or letters beyond ASCII", i+1)
		}
	}
	return nil
}

func checkKey(s string) error {
	if s == "" {
		return errEmpty
	}
	return checkSecret(s)
}

var errEmpty = errors.New("is empty")

func notEmpty(s string) error {
	if s == "" {
		return errEmpty
	}
	return nil
}

// checkURL does not show the URL: it may hold what an environment variable
// put there, or a password.
func checkURL(s string) error {
	if s == "" {
		return errors.New(`is empty; write the service's address, such as "http://127.0.0.1:8100"`)
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return errors.New(`is not a URL such as "http://127.0.0.1:8100"`)
	case u.Opaque != "" || u.Scheme != "http" && u.Scheme != "https":
		return errors.New("must start with http:// or https://")
	case u.User != nil:
		return errors.New("must not hold a user or password; use api_key")
	case u.Hostname() == "":
		return errors.New("has no host")
	case !isHost(u.Hostname()):
		return errors.New("has a host that is neither a name nor an IP address")
	case strings.HasSuffix(u.Host, ":") || u.Port() != "" && !isPort(u.Port(), 1):
		return errors.New("has a port that is not a number from 1 to 65535")
	case u.RawQuery != "" || u.ForceQuery:
		return errors.New("must not hold a query (?...)")
	case strings.Contains(s, "#"):
		return errors.New("must not hold a fragment (#...)")
	}
	return nil
}

// checkListen: host:port, where no host is every address.
func checkListen(s string) error {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return fmt.Errorf(`%q is not an address such as "0.0.0.0:8000", "127.0.0.1:8000" or "[::1]:8000"`, s)
	}
	if !isPort(port, 0) {
		return fmt.Errorf("%q: the port is not a number from 0 to 65535", s)
	}
	if host != "" && !isHost(host) {
		return fmt.Errorf("%q: the host is neither a name nor an IP address", s)
	}
	return nil
}

func isPort(s string, least uint64) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n >= least
}

func isHost(s string) bool {
	address, _, _ := strings.Cut(s, "%")
	if net.ParseIP(address) != nil {
		return true
	}
	if len(s) > 253 || strings.Trim(s, "0123456789.") == "" {
		return false
	}
	for _, part := range strings.Split(strings.TrimSuffix(s, "."), ".") {
		if part == "" || len(part) > 63 || part[0] == '-' || part[len(part)-1] == '-' {
			return false
		}
		for i := range len(part) {
			if !isBare(part[i]) {
				return false
			}
		}
	}
	return true
}

const longestName = 128

// checkName: names stand in headers, logs and metrics.
func checkName(s string) error {
	if s == "" {
		return errEmpty
	}
	if len(s) > longestName {
		return fmt.Errorf("is longer than %d bytes", longestName)
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' || s[i] == '"' || s[i] == '\\' || s[i] == ',' {
			return fmt.Errorf("%q: a name has no spaces, quotes, backslashes, commas or letters beyond ASCII", s)
		}
	}
	return nil
}

// checkPattern: a name or, with a * at its end, the names that start so.
func checkPattern(s string) error {
	if s == "" {
		return errors.New("a pattern is empty")
	}
	if strings.Contains(s[:len(s)-1], "*") {
		return fmt.Errorf("%q: a * may stand at the end alone", s)
	}
	return nil
}

func checkModel(s string) error {
	if strings.TrimSpace(s) != s || s == "" {
		return fmt.Errorf("%q: a model's name is not empty and has no space around it", s)
	}
	return nil
}

func checkRoutePath(s string) error {
	if err := checkURLPath(s); err != nil {
		return err
	}
	return checkPattern(s)
}

func checkURLPath(s string) error {
	if !strings.HasPrefix(s, "/") {
		return fmt.Errorf("%q must start with /", s)
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' || s[i] == '?' || s[i] == '#' {
			return fmt.Errorf("%q: a path has no spaces, ?, # or letters beyond ASCII", s)
		}
	}
	return nil
}

// checkHeader: the value may be "*", any.
func checkHeader(name, value string) error {
	if name == "" {
		return errors.New("a header's name is empty")
	}
	for i := range len(name) {
		if c := name[i]; !isBare(c) && !strings.ContainsRune("!#$%&'*+.^`|~", rune(c)) {
			return fmt.Errorf("%q is not the name of a header", name)
		}
	}
	if value == "" {
		return errors.New(`is empty; write "*" for any value`)
	}
	for i := range len(value) {
		if value[i] < ' ' && value[i] != '\t' || value[i] == 0x7f {
			return errors.New("holds a control character")
		}
	}
	if strings.TrimSpace(value) != value {
		return errors.New("has space around it, which no header arrives with")
	}
	return nil
}

func checkLabel(name, value string) error {
	if name == "" {
		return errors.New("a label's name is empty")
	}
	if max(len(name), len(value)) > longestName {
		return fmt.Errorf("is longer than %d bytes", longestName)
	}
	return nil
}
