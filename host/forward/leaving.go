package forward

// Leaving watches from now on, for those who wait before there is anything to
// send, and returns a channel that is closed when the client leaves. It is nil
// where that is never seen.
func (w *Watch) Leaving() <-chan struct{} { return w.arm() }
