package config

import (
	"errors"
	"fmt"
	"strings"
)

// Affinity is what the balancers "session" and "prefix" of a route go by.
type Affinity struct {
	SessionKey  []string // "header:NAME", "field:NAME", "api_key", "client_address"
	PrefixBytes int      // of each message
	LoadBound   float64  // of a service, as a multiple of the mean
}

// The values of Affinity.SessionKey, and the beginnings of those with a name.
const (
	SessionAPIKey        = "api_key"
	SessionClientAddress = "client_address"
	SessionHeader        = "header:"
	SessionField         = "field:"
)

var defaultSessionKey = []string{"header:X-Session-Id", "field:prompt_cache_key", "field:user"}

func checkSessionKey(s string) error {
	if name, ok := strings.CutPrefix(s, SessionHeader); ok {
		return checkHeader(name, "*")
	}
	if name, ok := strings.CutPrefix(s, SessionField); ok {
		if name == "" {
			return errors.New("field: names no member of the request")
		}
		return nil
	}
	if s == SessionAPIKey || s == SessionClientAddress {
		return nil
	}
	return fmt.Errorf(`%q is none of "header:NAME", "field:NAME", "api_key", "client_address"`, s)
}
