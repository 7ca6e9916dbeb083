//go:build !unix

package service

import (
	"io"
	"net"
)

type nothing struct{}

func (nothing) Close() error { return nil }

// hold has no way to reserve the port here; the port is merely closed.
func hold(string) (io.Closer, error) { return nothing{}, nil }

func release(_ io.Closer, addr string) (net.Listener, error) { return net.Listen("tcp", addr) }

// Reserve has no way to keep the port here; it is merely a free one.
func Reserve() (addr string, release func(), err error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	return ln.Addr().String(), func() {}, ln.Close()
}
