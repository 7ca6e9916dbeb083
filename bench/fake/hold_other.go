//go:build !unix

package fake

import (
	"io"
	"net"
)

type nothing struct{}

func (nothing) Close() error { return nil }

// hold has no way to reserve the port here; the port is merely closed.
func hold(string) (io.Closer, error) { return nothing{}, nil }

func release(_ io.Closer, addr string) (net.Listener, error) { return net.Listen("tcp", addr) }
