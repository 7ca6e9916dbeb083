//go:build linux

package loop

import (
	"bufio"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// relay is what a test attaches to a client's connection: it passes on what its
// service sends, and sleeps meanwhile.
type relay struct {
	conn, service *Conn
	woken         atomic.Int32 // times that it was served after a Sleep
	failed        chan error   // takes what Read of the service said in the end
}

// relays runs a Group whose clients have their first line sent to a service of their
// own, whose side of the connection services gives.
func relays(t *testing.T, each func(*relay)) (g *Group, addr string, services <-chan net.Conn) {
	t.Helper()
	back, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan net.Conn, 16)
	go func() {
		for {
			c, err := back.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	serve := func(a any) (asleep bool) {
		r := a.(*relay)
		buf := make([]byte, 512)
		if r.service != nil {
			r.woken.Add(1)
			r.conn.Wake(r.service)
		} else {
			r.conn.Within()
			n, err := r.conn.Read(buf)
			if err != nil {
				_ = r.conn.Close()
				return false
			}
			tcp, err := net.Dial("tcp", back.Addr().String())
			if err != nil {
				t.Error(err)
				return false
			}
			if r.service, err = g.Dialled(tcp.(*net.TCPConn)); err != nil {
				t.Error(err)
				return false
			}
			r.service.Bind(r.conn)
			_, _ = r.service.Write(buf[:n])
			each(r)
		}
		for {
			if r.conn.Sleep(r.service) {
				return true
			}
			n, err := r.service.Read(buf)
			if err != nil {
				_ = r.service.Close()
				r.service = nil
				r.failed <- err
				r.conn.Rest(time.Now().Add(time.Minute))
				return false
			}
			_, _ = r.conn.Write(buf[:n])
		}
	}
	g, err = New(Options{Loops: 2, Serve: serve})
	if err != nil {
		t.Fatal(err)
	}
	front, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := front.Accept()
			if err != nil {
				return
			}
			if err := g.Accepted(c.(*net.TCPConn), time.Minute, func(c *Conn) any {
				return &relay{conn: c, failed: make(chan error, 1)}
			}); err != nil {
				t.Error(err)
			}
		}
	}()
	t.Cleanup(func() {
		_ = front.Close()
		_ = back.Close()
		g.Close()
	})
	return g, front.Addr().String(), accepted
}

// TestSleep: what a service sends wakes its client's connection, again and again;
// meanwhile no worker has it. After the end it takes its next request.
func TestSleep(t *testing.T) {
	all := make(chan *relay, 64)
	g, addr, services := relays(t, func(r *relay) { all <- r })
	var clients sync.WaitGroup
	for range 8 {
		conn := dial(t, addr)
		clients.Go(func() {
			in := bufio.NewReader(conn)
			for range 2 {
				if err := passLines(conn, in, services); err != nil {
					t.Error(err)
				}
				r := <-all
				if err := <-r.failed; err != io.EOF {
					t.Error(err)
				}
			}
		})
	}
	clients.Wait()
	for g.busyWorkers() > 0 {
		time.Sleep(time.Millisecond)
	}
}

// asleep waits until nobody has r's connection.
func (r *relay) asleep() {
	for r.conn.sleeper.state.Load() != parked {
		time.Sleep(time.Millisecond)
	}
}

// passLines has some service send a hundred lines, each after the one before has come to
// whichever client it belongs to.
func passLines(conn net.Conn, in *bufio.Reader, services <-chan net.Conn) error {
	if _, err := io.WriteString(conn, "begin\n"); err != nil {
		return err
	}
	service := <-services
	defer func() { _ = service.Close() }()
	asked := bufio.NewReader(service)
	if _, err := asked.ReadString('\n'); err != nil {
		return err
	}
	for range 100 {
		if _, err := io.WriteString(service, "line\n"); err != nil {
			return err
		}
	}
	for range 100 {
		if _, err := in.ReadString('\n'); err != nil {
			return err
		}
	}
	return nil
}

// sleeping has a client whose connection sleeps.
func sleeping(t *testing.T) (*Group, *relay, net.Conn, net.Conn) {
	t.Helper()
	made := make(chan *relay, 1)
	g, addr, services := relays(t, func(r *relay) { made <- r })
	client := dial(t, addr)
	if _, err := io.WriteString(client, "begin\n"); err != nil {
		t.Fatal(err)
	}
	r, service := <-made, <-services
	t.Cleanup(func() { _ = service.Close() })
	r.asleep()
	return g, r, client, service
}

// TestWhatEndsASleep: the service's end, closing it here, a deadline, and the
// group's end do.
func TestWhatEndsASleep(t *testing.T) {
	for name, end := range map[string]func(*Group, *relay, net.Conn){
		"the service closes": func(_ *Group, _ *relay, s net.Conn) { _ = s.Close() },
		"closed here":        func(_ *Group, r *relay, _ net.Conn) { _ = r.service.Close() },
		"a deadline to come": func(_ *Group, r *relay, _ net.Conn) {
			_ = r.service.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		},
		"a deadline that was": func(_ *Group, r *relay, _ net.Conn) { _ = r.service.SetReadDeadline(time.Now().Add(-time.Second)) },
		"the group is closed": func(g *Group, _ *relay, _ net.Conn) { g.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			g, r, _, service := sleeping(t)
			end(g, r, service)
			if err := <-r.failed; err == nil {
				t.Error("no error")
			}
		})
	}
}

// TestWokenForNothing: it sleeps again.
func TestWokenForNothing(t *testing.T) {
	g, r, client, service := sleeping(t)
	for i := range 10 {
		g.notifyAside(&r.conn.sleeper)
		for int(r.woken.Load()) <= i {
			time.Sleep(time.Millisecond)
		}
		r.asleep()
	}
	if _, err := io.WriteString(service, "x"); err != nil {
		t.Fatal(err)
	}
	if n, err := client.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Error(n, err)
	}
}
