// Package load puts load on an OpenAI-compatible server and checks what comes
// back: Run does a Job and returns a Result.
//
// An open loop (Job.Rate) sends at fixed times, whether or not the server keeps
// up, and measures each request from the time at which it should have been
// sent. A server that stalls for a second is thus charged with every request
// that its users would have sent in that second (no coordinated omission). A
// closed loop (Job.Rate zero) keeps a fixed number of requests going: it finds
// the most that a server can do, and holds streams open; its latencies compare
// servers under equal concurrency and do not foretell what users see.
//
// Replies are checked, not only counted. A fake service of bench/service/fast
// numbers its events and repeats the name that each request bears, so a lost,
// doubled, reordered or foreign event is seen; with any other service a reply
// must still be whole, well-formed and end as it should.
//
// One thread does all of it, on non-blocking sockets: the generator shares the
// machine with what it measures.
package load
