//go:build !unix

package load

import (
	"context"
	"errors"

	"github.com/infinirouter/infinirouter/bench/corpus"
)

func run(context.Context, Job, string, string, *corpus.Corpus) (*Result, error) {
	return nil, errors.New("the load generator needs a Unix system")
}
