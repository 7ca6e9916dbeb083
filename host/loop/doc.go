// Package loop runs connections on event loops: a few goroutines that wait in
// epoll for all sockets and run whatever becomes ready, in place of a goroutine
// for each connection that the scheduler has to wake.
//
// What a wake-up costs is why it exists. At a few thousand requests a second
// most of a Go proxy's CPU time goes into waking threads: the one that polls
// the network, one more that looks for work, the monitor that watches both
// (RATIONALE.md has the figures). Here one loop is enough for that, and with
// nothing to do it sleeps in Go's poller, on its epoll set: the thread that wakes
// is the one that runs it, and nothing else has to (bed.go). The others have
// stepped aside and come when it calls for help. GOMAXPROCS is raised by the number
// of loops, so that everything else runs as before.
//
// A request is written as it reads: from the top to the bottom, blocking where
// it has to wait. It runs in a worker, a coroutine (iter.Pull) that the loop
// resumes (worker.go). A Read of a Conn that has nothing to give lets the
// worker stand still and returns to the loop, which resumes the worker when the
// socket has something. That is two stack switches and no scheduling.
//
// A connection that waits for its next request has no worker, no stack and no
// buffer: only a Conn. Nor has one that sleeps because the service that it gets a
// stream from is silent (sleep.go): its server returns, and is called again.
//
// Work that takes long or waits for something other than a Conn has to call
// Conn.Detach first: then a goroutine of its own goes on with the worker until
// it next waits for a Conn. Work that forgets to holds up its loop, and where one
// loop is awake everybody, until the watchdog sees it and starts another loop in its
// place (watchdog.go).
//
// Everywhere but on Linux New says ErrUnsupported, and callers serve plain
// connections.
package loop
