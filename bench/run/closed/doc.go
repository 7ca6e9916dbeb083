// Package closed puts closed-loop load on an OpenAI-compatible server: a fixed
// number of connections, each sending its next request when the reply to the
// last one is complete, for a fixed time.
//
// Replies are checked, not just counted: a status other than 200, a body cut
// short and a stream without [DONE] are errors. Latencies go into HDR
// histograms; what a run cost the server in CPU time is read from /proc.
//
// A closed loop hides waiting that a slow server causes its clients (they send
// less), so its figures compare servers under equal concurrency; they do not
// foretell what users see at a given rate.
package closed
