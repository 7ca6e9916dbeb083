//go:build !unix

package fast

import "errors"

// Server is a running service.
type Server struct{}

// Start has no way to serve here.
func Start(Config) (*Server, error) {
	return nil, errors.New("the fake service for load needs a Unix system")
}

// URL returns nothing here.
func (*Server) URL() string { return "" }

// Addr returns nothing here.
func (*Server) Addr() string { return "" }

// Close has nothing to do.
func (*Server) Close() {}

// Stats returns nothing here.
func (*Server) Stats() Stats { return Stats{} }

// ResetStats has nothing to do.
func (*Server) ResetStats() {}

// SetBehaviour has nothing to do.
func (*Server) SetBehaviour(Behaviour) error { return nil }
