//go:build linux

package loop

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// echo serves lines back, and waits where half a line has come.
func echo(c *Conn) {
	c.Within()
	buf := make([]byte, 1<<20)
	var line []byte
	for {
		n, err := c.Read(buf)
		if err != nil {
			_ = c.Close()
			return
		}
		line = append(line, buf[:n]...)
		c.Within()
		if line[len(line)-1] != '\n' {
			continue
		}
		if _, err := c.Write(line); err != nil {
			_ = c.Close()
			return
		}
		line = line[:0]
		c.Between()
	}
}

// serve accepts connections for g on loopback.
func serve(t testing.TB, serve func(*Conn)) (*Group, string) {
	t.Helper()
	g, err := New(Options{Loops: 2, Serve: func(c any) bool { serve(c.(*Conn)); return false }})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			if err := g.Accepted(conn.(*net.TCPConn), time.Minute, func(c *Conn) any { return c }); err != nil {
				t.Error(err)
			}
		}
	}()
	t.Cleanup(func() {
		_ = ln.Close()
		g.Close()
	})
	return g, ln.Addr().String()
}

func dial(t testing.TB, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	return conn
}

func ask(conn net.Conn, r *bufio.Reader, line string) error {
	if _, err := io.WriteString(conn, line); err != nil {
		return err
	}
	got, err := r.ReadString('\n')
	if err == nil && got != line {
		err = errors.New("got " + got)
	}
	return err
}

func TestLinesComeBack(t *testing.T) {
	_, addr := serve(t, echo)
	var clients sync.WaitGroup
	for range 16 {
		conn := dial(t, addr)
		clients.Go(func() {
			r := bufio.NewReaderSize(conn, 1<<20)
			for i := range 200 {
				if err := ask(conn, r, strings.Repeat("x", i*i)+"\n"); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	clients.Wait()
}
