package native

import (
	"encoding/binary"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

func (g *guest) word(at uint32) uint32 { v, _ := g.mod.Memory().ReadUint32Le(at); return v }
func (g *guest) long(at uint32) uint64 { v, _ := g.mod.Memory().ReadUint64Le(at); return v }

func TestWASIErrno(t *testing.T) {
	g := newGuest(t)
	for _, c := range []struct {
		fn   string
		args []uint64
		want uint64
	}{
		{"args_get", []uint64{0, 0}, errnoSuccess},
		{"environ_get", []uint64{0, 0}, errnoSuccess},
		{"sched_yield", nil, errnoSuccess},
		{"fd_close", []uint64{1}, errnoSuccess},
		{"fd_close", []uint64{3}, errnoBadf},
		{"fd_fdstat_get", []uint64{3, 64}, errnoBadf},
		{"fd_fdstat_set_flags", []uint64{0, 4}, errnoSuccess},
		{"fd_filestat_get", []uint64{3, 64}, errnoBadf},
		{"fd_prestat_get", []uint64{3, 64}, errnoBadf},
		{"fd_prestat_dir_name", []uint64{3, 64, 1}, errnoBadf},
		{"fd_seek", []uint64{1, 0, 0, 64}, errnoSpipe},
		{"fd_seek", []uint64{9, 0, 0, 64}, errnoBadf},
		{"fd_read", []uint64{5, 64, 0, 64}, errnoBadf},
		{"fd_write", []uint64{0, 64, 0, 64}, errnoBadf},
		{"fd_write", []uint64{1, 64, maxIovecs + 1, 64}, errnoInval},
		{"path_open", []uint64{3, 0, 0, 0, 0, 0, 0, 0, 0}, errnoBadf},
		{"sock_shutdown", []uint64{3, 0}, errnoBadf},
		{"proc_raise", []uint64{9}, errnoNosys},
		{"clock_time_get", []uint64{9, 0, 64}, errnoInval},
		{"clock_res_get", []uint64{9, 64}, errnoInval},
		{"poll_oneoff", []uint64{64, 64, 0, 64}, errnoInval},
		{"poll_oneoff", []uint64{64, 64, maxSubscriptions + 1, 64}, errnoInval},
	} {
		if got := g.do(c.fn, c.args...); got != c.want {
			t.Errorf("%s%v: errno %d, want %d", c.fn, c.args, got, c.want)
		}
	}
	for _, f := range []string{"args_sizes_get", "environ_sizes_get"} {
		g.mod.Memory().WriteUint64Le(64, 1<<63-1)
		if errno := g.do(f, 64, 68); errno != 0 || g.long(64) != 0 {
			t.Errorf("%s: errno %d, sizes %x", f, errno, g.long(64))
		}
	}
	if g.do("fd_fdstat_get", 1, 64); g.word(64)&0xff != fileTypeChar {
		t.Errorf("stdout has type %d", g.word(64)&0xff)
	}
	if g.do("fd_filestat_get", 1, 64); g.word(64+fileTypeShift)&0xff != fileTypeChar {
		t.Errorf("stdout is a file of type %d", g.word(64+fileTypeShift)&0xff)
	}
	g.mod.Memory().WriteUint32Le(64, 7)
	if g.do("fd_read", 0, 0, 0, 64); g.word(64) != 0 {
		t.Errorf("stdin has %d bytes", g.word(64))
	}
}

func TestClocks(t *testing.T) {
	g := newGuest(t)
	clock := func(id uint64) uint64 { g.do("clock_time_get", id, 0, 64); return g.long(64) }
	now := uint64(g.x.now.UnixNano())
	if clock(clockRealtime) != now || clock(clockMonotonic) != now {
		t.Error("the clocks are not the exchange's")
	}
	g.x.now = g.x.now.Add(-time.Hour) // the next exchange on this instance is an older one
	if clock(clockRealtime) != now-uint64(time.Hour) {
		t.Error("the real time is not the exchange's")
	}
	if clock(clockMonotonic) != now {
		t.Error("the monotonic clock ran backwards")
	}
	// A timer of a second is over at once, and a second later.
	sub := make([]byte, 2*subscriptionSize)
	binary.LittleEndian.PutUint64(sub, 42)
	binary.LittleEndian.PutUint64(sub[24:], uint64(time.Second))
	binary.LittleEndian.PutUint64(sub[subscriptionSize:], 43)
	binary.LittleEndian.PutUint64(sub[subscriptionSize+24:], uint64(time.Hour))
	g.mod.Memory().Write(1024, sub)
	if errno := g.do("poll_oneoff", 1024, 2048, 2, 64); errno != 0 || g.word(64) != 1 || g.long(2048) != 42 {
		t.Errorf("poll: errno %d, %d events, first for %d", errno, g.word(64), g.long(2048))
	}
	if got := clock(clockMonotonic); got != now+uint64(time.Second) {
		t.Errorf("the timer took %d ns", got-now)
	}
	// Of a timer and a descriptor, the descriptor fails at once and no time passes.
	sub[8] = 1
	g.mod.Memory().Write(1024, sub)
	if g.do("poll_oneoff", 1024, 2048, 2, 64); g.word(64) != 1 || g.word(2048+8)&0xffff != errnoBadf {
		t.Errorf("poll: %d events, errno %d", g.word(64), g.word(2048+8)&0xffff)
	}
	if got := clock(clockMonotonic); got != now+uint64(time.Second) {
		t.Error("time passed for a descriptor")
	}
	// The longest timer does not overflow the clock.
	for i := range 8 {
		sub[24+i] = 0xff
	}
	sub[8] = 0
	g.mod.Memory().Write(1024, sub)
	g.do("poll_oneoff", 1024, 2048, 1, 64)
	if got := int64(clock(clockMonotonic)); got < int64(now) {
		t.Errorf("the monotonic clock is %d", got)
	}
}

func TestRandomGet(t *testing.T) {
	g := newGuest(t)
	g.do("random_get", 64, 11)
	if g.long(64) != 1 || g.word(72) != 2 || g.x.random != 2 {
		t.Errorf("got %x %x after %d draws", g.long(64), g.word(72), g.x.random)
	}
}

func TestStreamsGoToTheLog(t *testing.T) { synctest.Test(t, testStreams) }

func testStreams(t *testing.T) {
	g := newGuest(t)
	write := func(fd uint64, parts ...string) {
		t.Helper()
		total := 0
		for i, p := range parts {
			at := 2048 + 4096*i
			g.mod.Memory().Write(uint32(at), []byte(p))
			g.mod.Memory().WriteUint32Le(uint32(256+8*i), uint32(at))
			g.mod.Memory().WriteUint32Le(uint32(260+8*i), uint32(len(p)))
			total += len(p)
		}
		if errno := g.do("fd_write", fd, 256, uint64(len(parts)), 64); errno != 0 || int(g.word(64)) != total {
			t.Fatalf("errno %d, %d bytes written", errno, g.word(64))
		}
	}
	write(2, "panic: ", "bo")
	if g.log.Len() != 0 {
		t.Errorf("half a line was logged:\n%s", g.log)
	}
	write(2, "om\n\ngoroutine 1\n")
	write(1, "to stdout")
	write(2, "last words")
	g.call.Finish()
	g.logged(t, `msg="policy stderr"`, `text="panic: boom"`, `text="goroutine 1"`, `msg="policy stdout"`,
		`text="to stdout"`, `text="last words"`)
	if got := g.call.Said(); got != "panic: boom" {
		t.Errorf("said %q", got)
	}
	g.call.Start(abi.OnEvent, g.x)
	if g.call.Said() != "" {
		t.Error("what was said outlived its call")
	}
	write(1, strings.Repeat("x", 4000), strings.Repeat("y", 4000), "\n")
	g.logged(t, "yyy...")
	for range 1000 {
		write(1, strings.Repeat("storm\n", 100))
	}
	if n := strings.Count(g.log.String(), "policy stdout"); n > 20 {
		t.Errorf("%d lines were logged", n)
	}
}

func TestProcExitStopsTheGuest(t *testing.T) {
	g := newGuest(t)
	if _, err := g.try("proc_exit", 3); err == nil {
		t.Fatal("the guest went on")
	}
	if f, _ := g.call.Failure(); f.Kind != plugins.FailureTrap || !strings.Contains(f.Reason, "exit(3)") {
		t.Errorf("failure is %+v", f)
	}
}

func TestWASIMemoryIsChecked(t *testing.T) {
	for _, c := range []struct {
		fn   string
		args []uint64
	}{
		{"args_sizes_get", []uint64{memoryEnd - 3, 0}},
		{"clock_time_get", []uint64{0, 0, memoryEnd - 7}},
		{"fd_fdstat_get", []uint64{1, 1<<32 - 1}},
		{"fd_write", []uint64{1, 1<<32 - 8, 2, 0}},
		{"random_get", []uint64{1 << 31, 8}},
		{"poll_oneoff", []uint64{memoryEnd - 47, 0, 1, 64}},
		{"poll_oneoff", []uint64{0, memoryEnd - 31, 1, 64}},
	} {
		g := newGuest(t)
		if _, err := g.try(c.fn, c.args...); err == nil {
			t.Errorf("%s%v went through", c.fn, c.args)
		}
		if f, failed := g.call.Failure(); !failed || f.Kind != plugins.FailureTrap {
			t.Errorf("%s%v: failure is %+v", c.fn, c.args, f)
		}
	}
}
