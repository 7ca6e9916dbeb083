//go:build linux

package loop

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/infinirouter/infinirouter/host/large"
)

// within fails the test if f does not end.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		buf := make([]byte, 1<<20)
		t.Fatalf("%s does not end\n%s", what, buf[:runtime.Stack(buf, true)])
	}
}

// pair returns the two ends of a connection, one of them on the loops.
func pair(t *testing.T, g *Group) (*Conn, *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	peer := make(chan net.Conn, 1)
	go func() {
		conn, _ := ln.Accept()
		peer <- conn
	}()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := g.Dialled(conn.(*net.TCPConn))
	if err != nil {
		t.Fatal(err)
	}
	far := (<-peer).(*net.TCPConn)
	t.Cleanup(func() {
		_ = c.Close()
		_ = far.Close()
	})
	return c, far
}

func group(t *testing.T) *Group {
	t.Helper()
	g, err := New(Options{Loops: 2, Serve: func(any) bool { t.Error("nobody is to be served"); return false }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g
}

func TestGoroutinesUseConns(t *testing.T) {
	c, far := pair(t, group(t))
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<17) // more than the kernel holds
	var both sync.WaitGroup
	both.Go(func() {
		_, _ = io.Copy(far, far)
		_ = far.CloseWrite()
	})
	both.Go(func() {
		if _, err := c.Write(data); err != nil {
			t.Error(err)
		}
		_ = c.CloseWrite()
	})
	var back []byte
	within(t, "reading", func() {
		var err error
		if back, err = io.ReadAll(c); err != nil {
			t.Error(err)
		}
	})
	if !bytes.Equal(back, data) {
		t.Errorf("%d bytes came back of %d", len(back), len(data))
	}
	within(t, "the rest", both.Wait)
}

func TestDeadlines(t *testing.T) {
	c, far := pair(t, group(t))
	within(t, "a read", func() {
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read: %v", err)
		}
		_ = c.SetReadDeadline(time.Time{})
		time.AfterFunc(10*time.Millisecond, func() { _ = c.SetReadDeadline(time.Unix(1, 0)) })
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read under a deadline that was moved: %v", err)
		}
		_ = c.SetReadDeadline(time.Time{})
		_, _ = far.Write([]byte("x"))
		if n, err := c.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Errorf("read after it: %d, %v", n, err)
		}
	})
	within(t, "a write", func() {
		_ = c.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
		if _, err := c.Write(make([]byte, 64<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("write: %v", err)
		}
	})
}

func TestCloseEndsWhatWaits(t *testing.T) {
	c, _ := pair(t, group(t))
	within(t, "a read and a write", func() {
		var both sync.WaitGroup
		both.Go(func() {
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
				t.Errorf("read: %v", err)
			}
		})
		both.Go(func() {
			if _, err := c.Write(make([]byte, 64<<20)); !errors.Is(err, net.ErrClosed) {
				t.Errorf("write: %v", err)
			}
		})
		time.Sleep(5 * time.Millisecond)
		_ = c.Close()
		both.Wait()
	})
	if err := c.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed twice: %v", err)
	}
}

func TestWriteStopsForAnEarlyReply(t *testing.T) {
	c, far := pair(t, group(t))
	time.AfterFunc(10*time.Millisecond, func() { _, _ = far.Write([]byte("no")) })
	within(t, "the write", func() {
		head, body := []byte("head"), make([]byte, 64<<20)
		sent, early, err := c.WriteUnlessRead(head, [][]byte{body})
		if !early || err != nil || sent <= len(head) || sent >= len(head)+len(body) {
			t.Errorf("sent %d, early %v, %v", sent, early, err)
		}
	})
}

func TestWriteGoesOnWhenThereIsRoom(t *testing.T) {
	c, far := pair(t, group(t))
	body := make([]byte, 64<<20)
	read := make(chan int64, 1)
	time.AfterFunc(10*time.Millisecond, func() {
		n, _ := io.CopyN(io.Discard, far, int64(4+len(body)))
		read <- n
	})
	within(t, "the write", func() {
		if sent, early, err := c.WriteUnlessRead([]byte("head"), [][]byte{body}); sent != 4+len(body) || early || err != nil {
			t.Errorf("sent %d, early %v, %v", sent, early, err)
		}
		if n := <-read; n != int64(4+len(body)) {
			t.Errorf("%d bytes came", n)
		}
	})
}

func TestWriteInParts(t *testing.T) {
	c, far := pair(t, group(t))
	r := rand.New(rand.NewPCG(1, 2))
	var body [][]byte
	want := []byte("head")
	for i := range 3 * mostParts {
		part := make([]byte, []int{0, 1, 100, 70_000, large.Piece, 2*large.Piece + 1}[r.IntN(6)])
		for j := range part {
			part[j] = byte(i + j*7)
		}
		body, want = append(body, part), append(want, part...)
	}
	got := make(chan []byte, 1)
	go func() {
		all, _ := io.ReadAll(io.LimitReader(far, int64(len(want))))
		got <- all
	}()
	within(t, "the write", func() {
		if sent, early, err := c.WriteUnlessRead([]byte("head"), body); sent != len(want) || early || err != nil {
			t.Errorf("sent %d of %d, early %v, %v", sent, len(want), early, err)
		}
		if !bytes.Equal(<-got, want) {
			t.Error("something else came")
		}
	})
}

type hangups struct{ n atomic.Int32 }

func (h *hangups) HungUp() { h.n.Add(1) }

func TestHangUpIsToldOnce(t *testing.T) {
	c, far := pair(t, group(t))
	h := &hangups{}
	var w HangupWatcher = h
	c.Watch(&w)
	_, _ = far.Write([]byte("bytes that nobody reads"))
	_ = far.Close()
	within(t, "the hang-up", func() {
		for h.n.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
	})
	c.Watch(nil)
	c.Watch(&w) // at once, since it is known
	if n := h.n.Load(); n != 2 {
		t.Errorf("told %d times by two watches", n)
	}
}

// A connection between requests has no worker, and is served again when it
// speaks.
func TestServesAgain(t *testing.T) {
	g, addr := serve(t, echo)
	conn := dial(t, addr)
	r := bufio.NewReader(conn)
	for range 3 {
		if err := ask(conn, r, "a line\n"); err != nil {
			t.Fatal(err)
		}
		within(t, "the rest", func() {
			for g.busyWorkers() > 0 {
				time.Sleep(time.Millisecond)
			}
		})
	}
}

// busyWorkers counts the clients' connections that are being served.
func (g *Group) busyWorkers() (n int) {
	g.table.each(func(c *Conn) {
		if c.client && c.served.Load() {
			n++
		}
	})
	return n
}

func TestDrainClosesWhatRests(t *testing.T) {
	g, addr := serve(t, echo)
	resting, half := dial(t, addr), dial(t, addr)
	readers := [...]*bufio.Reader{bufio.NewReader(resting), bufio.NewReader(half)}
	for i, conn := range []net.Conn{resting, half} {
		if err := ask(conn, readers[i], "a line\n"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.WriteString(half, "half a "); err != nil {
		t.Fatal(err)
	}
	within(t, "the half line", func() {
		for g.busyWorkers() != 1 {
			time.Sleep(time.Millisecond)
		}
	})
	g.Drain()
	if _, err := readers[0].ReadByte(); err != io.EOF {
		t.Errorf("the connection that rested: %v", err)
	}
	if _, err := io.WriteString(half, "line\n"); err != nil {
		t.Fatal(err)
	}
	if line, err := readers[1].ReadString('\n'); err != nil || line != "half a line\n" {
		t.Errorf("the connection that was served: %q, %v", line, err)
	}
	if _, err := readers[1].ReadByte(); err != io.EOF {
		t.Errorf("and afterwards: %v", err)
	}
}

func TestSilentClientsAreClosed(t *testing.T) {
	g, err := New(Options{Loops: 1, Serve: func(any) bool { return false }})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	conn := dial(t, ln.Addr().String())
	accepted, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Accepted(accepted.(*net.TCPConn), 10*time.Millisecond, func(c *Conn) any { return c }); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("%v", err)
	}
}

// A worker that blocks without saying so holds up nobody for long.
func TestStuckLoopsAreReplaced(t *testing.T) {
	release := make(chan struct{})
	blocked := atomic.Int32{}
	_, addr := serve(t, func(c *Conn) {
		line := make([]byte, 64)
		n, err := c.Read(line)
		if err == nil && line[0] == 'b' {
			blocked.Add(1)
			<-release
		}
		if err == nil {
			_, _ = c.Write(line[:n])
		}
		_ = c.Close()
	})
	var stuck []net.Conn
	for range 8 { // more than there are loops
		conn := dial(t, addr)
		stuck = append(stuck, conn)
		_, _ = io.WriteString(conn, "block\n")
	}
	within(t, "an honest connection", func() {
		for blocked.Load() < 8 {
			time.Sleep(time.Millisecond)
		}
		conn := dial(t, addr)
		if err := ask(conn, bufio.NewReader(conn), "go on\n"); err != nil {
			t.Error(err)
		}
	})
	close(release)
	for _, conn := range stuck {
		if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || line != "block\n" {
			t.Errorf("a connection that was blocked: %q, %v", line, err)
		}
	}
}

// A loop is replaced in the event that it was seen in, and at no other time: one that
// sleeps would take the others' events with it.
func TestOnlyStuckLoopsAreReplaced(t *testing.T) {
	g := &Group{}
	r := &runner{group: g}
	refused := func(when string, seen, begun uint64) {
		t.Helper()
		if _, stuck, now := r.retire(seen); stuck || now != begun {
			t.Errorf("%s: replaced: %v; in event %d, want %d", when, stuck, now, begun)
		}
	}
	refused("at the start", 0, 0)
	r.refill(1)
	r.claim()
	refused("in an event that was not seen before", 0, 1)
	r.claim()
	refused("after the batch", 1, 1)
	r.refill(3)
	r.claim()
	refused("in another event", 1, 2)
	if n := g.working.Load(); n != 1 {
		t.Errorf("%d loops work", n)
	}
	left, stuck, _ := r.retire(2)
	if !stuck || len(left) != 2 || !r.isRetired() {
		t.Errorf("in the event that was seen: replaced %v, %d events are left", stuck, len(left))
	}
	if _, ok := r.claim(); ok {
		t.Error("a loop that was replaced takes another event")
	}
	if n := g.working.Load(); n != 0 {
		t.Errorf("%d loops work at the end", n)
	}
}

func TestDetachFreesTheLoop(t *testing.T) {
	release := make(chan struct{})
	_, addr := serve(t, func(c *Conn) {
		line := make([]byte, 64)
		n, err := c.Read(line)
		if err == nil && line[0] == 'b' {
			c.Detach()
			<-release
		}
		if err == nil {
			_, _ = c.Write(line[:n])
			_, err = c.Read(line) // on the loops again
		}
		if err != io.EOF && !errors.Is(err, net.ErrClosed) {
			t.Errorf("at the end: %v", err)
		}
		_ = c.Close()
	})
	blocked := dial(t, addr)
	_, _ = io.WriteString(blocked, "block\n")
	for range 100 {
		conn := dial(t, addr)
		if err := ask(conn, bufio.NewReader(conn), "go on\n"); err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
	}
	close(release)
	if line, err := bufio.NewReader(blocked).ReadString('\n'); err != nil || line != "block\n" {
		t.Errorf("%q, %v", line, err)
	}
}

func TestAPanicEndsItsConnection(t *testing.T) {
	_, addr := serve(t, func(c *Conn) {
		line := make([]byte, 64)
		if n, err := c.Read(line); err == nil && line[0] != 'p' {
			_, _ = c.Write(line[:n])
			_ = c.Close()
			return
		}
		panic("in a worker")
	})
	conn := dial(t, addr)
	_, _ = io.WriteString(conn, "panic\n")
	if _, err := conn.Read(make([]byte, 1)); err != io.EOF && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%v", err)
	}
	other := dial(t, addr)
	if err := ask(other, bufio.NewReader(other), "go on\n"); err != nil {
		t.Error(err)
	}
}

// Loops that sleep wake up, and those that wait do not keep a collection
// waiting.
func TestSleepersWake(t *testing.T) {
	g, addr := serve(t, echo)
	conn := dial(t, addr)
	r := bufio.NewReader(conn)
	for range 3 {
		within(t, "falling asleep", func() {
			for g.sleepers() < 2 {
				time.Sleep(time.Millisecond)
			}
		})
		if err := ask(conn, r, "a line\n"); err != nil {
			t.Fatal(err)
		}
		within(t, "a collection", runtime.GC)
	}
}

// sleepers returns how many loops sleep.
func (g *Group) sleepers() int {
	g.bed.mu.Lock()
	defer g.bed.mu.Unlock()
	return g.bed.asleep
}

// Who wants all of a body is woken for pieces of it, and still hears of its end
// and of deadlines.
func TestReadWanted(t *testing.T) {
	g, err := New(Options{Loops: 1, Serve: func(any) bool { return false }})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	c, peer := pair(t, g)
	body := bytes.Repeat([]byte("0123456789abcdef"), 4<<10)
	got, read := make([]byte, len(body)), make(chan int)
	go func() {
		for n := 0; n < len(got); {
			m, err := c.ReadWanted(got[n:])
			if err != nil {
				t.Error(err)
				return
			}
			n += m
			read <- n
		}
	}()
	within(t, "waiting", func() {
		for c.reader.Load() == nil {
			time.Sleep(time.Millisecond)
		}
	})
	_, _ = peer.Write(body[:1000])
	select {
	case n := <-read:
		t.Errorf("it was woken for %d bytes of %d", n, len(body))
	case <-time.After(50 * time.Millisecond):
	}
	_, _ = peer.Write(body[1000:])
	within(t, "the body", func() {
		for n := 0; n < len(got); {
			n = <-read
		}
	})
	if !bytes.Equal(got, body) {
		t.Error("the body is another one")
	}

	_, _ = peer.Write(body[:100])
	within(t, "a read that wants little", func() {
		if n, err := c.Read(got); n != 100 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	})
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	within(t, "the deadline", func() {
		for err = nil; err == nil; {
			_, err = c.ReadWanted(got)
		}
	})
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%v", err)
	}
	_ = c.SetReadDeadline(time.Time{})
	go func() {
		_, _ = peer.Write(body[:100])
		_ = peer.Close()
	}()
	within(t, "the end", func() {
		for err = nil; err == nil; {
			_, err = c.ReadWanted(got)
		}
	})
	if err != io.EOF {
		t.Errorf("%v", err)
	}
}

// One loop is enough for little; with much to do it calls for the others.
func TestLoopsHelp(t *testing.T) {
	g, addr := serve(t, echo)
	var conns []net.Conn
	for range 4 * batch {
		conns = append(conns, dial(t, addr))
	}
	lone := bufio.NewReader(conns[0])
	within(t, "stepping aside", func() {
		for !g.bed.alone(g.loops) {
			if err := ask(conns[0], lone, "a line\n"); err != nil {
				t.Fatal(err)
			}
		}
	})
	within(t, "help", func() {
		for g.bed.alone(g.loops) {
			askAll(t, conns)
		}
	})
}

// askAll sends a line over each of conns, and then awaits the replies.
func askAll(t *testing.T, conns []net.Conn) {
	for _, conn := range conns {
		_, _ = io.WriteString(conn, "a line\n")
	}
	for _, conn := range conns {
		if _, err := io.ReadFull(conn, make([]byte, len("a line\n"))); err != nil {
			t.Fatal(err)
		}
	}
}

// Nor is one enough where events take long and others wait meanwhile.
func TestLoopsHelpWhereItTakesLong(t *testing.T) {
	g, addr := serve(t, func(c *Conn) {
		for began := time.Now(); time.Since(began) < 2*long; {
			continue
		}
		echo(c)
	})
	conns := []net.Conn{dial(t, addr), dial(t, addr)}
	within(t, "stepping aside", func() {
		for !g.bed.alone(g.loops) {
			time.Sleep(time.Millisecond)
		}
	})
	within(t, "help", func() {
		for g.bed.alone(g.loops) {
			askAll(t, conns)
		}
	})
}

// While one is in an event the other stays awake for what comes meanwhile.
func TestNoLoopLeavesOneAtWork(t *testing.T) {
	g, addr := serve(t, echo)
	conns := []net.Conn{dial(t, addr)}
	aside := func() {
		for !g.bed.alone(g.loops) {
			askAll(t, conns)
		}
	}
	within(t, "stepping aside", aside)
	g.working.Add(1)
	g.bed.call()
	askAll(t, conns) // which wakes the one in bed
	for range 50 {   // milliseconds: a loop looks for one before it leaves
		time.Sleep(time.Millisecond)
		if g.bed.alone(g.loops) {
			t.Fatal("a loop left while another was in an event")
		}
	}
	g.working.Add(-1)
	within(t, "stepping aside again", aside)
}

func TestNothingIsLeft(t *testing.T) {
	before, processors := runtime.NumGoroutine(), runtime.GOMAXPROCS(0)
	g, err := New(Options{Loops: 2, Serve: func(any) bool { return false }})
	if err != nil {
		t.Fatal(err)
	}
	c, _ := pair(t, g)
	within(t, "Close", g.Close)
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a connection afterwards: %v", err)
	}
	within(t, "the goroutines", func() {
		for runtime.NumGoroutine() > before+1 { // this one
			time.Sleep(time.Millisecond)
		}
	})
	if n := runtime.GOMAXPROCS(0); n != processors {
		t.Errorf("GOMAXPROCS is %d, was %d", n, processors)
	}
}

func BenchmarkEcho(b *testing.B) {
	_, addr := serve(b, echo)
	conn := dial(b, addr)
	_ = conn.SetDeadline(time.Time{})
	r := bufio.NewReader(conn)
	b.ReportAllocs()
	for b.Loop() {
		if err := ask(conn, r, "a line\n"); err != nil {
			b.Fatal(err)
		}
	}
}
