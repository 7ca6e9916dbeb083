package load

import (
	"context"
	"errors"
)

// Run does a job and returns what it found. It blocks until the run is over; a
// cancelled ctx ends it early, with ctx's error. Requests that fail are no
// error: they are in Result.Errors. An error is a job that makes no sense, or a
// server of which not one connection could be opened.
func Run(ctx context.Context, job Job) (*Result, error) {
	_ = newResult(job)
	return nil, errors.Join(ctx.Err(), errors.ErrUnsupported)
}
