package oauth

import (
	"context"
	"sync"
	"time"
)

const (
	// failurePause is how long a failed fetch is not repeated; callers get its
	// error in the meantime.
	failurePause = 5 * time.Second
	// maxStale is how long a value is used while it cannot be renewed.
	maxStale = 24 * time.Hour
)

// memo is a cached document, fetched by one caller at a time.
type memo[T any] struct {
	mu      sync.Mutex
	value   T
	fetched time.Time // zero before the first
	err     error
	failed  time.Time
}

// get returns the document, and fetches it again when it is older than maxAge.
// While that fails, the old one is used for maxStale. The fetch continues when
// the caller that started it gives up, because others may be waiting for it.
func (m *memo[T]) get(ctx context.Context, now time.Time, maxAge time.Duration, fetch func(context.Context) (T, error)) (T, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	age := now.Sub(m.fetched)
	if !m.fetched.IsZero() && age < maxAge {
		return m.value, nil
	}
	if m.err == nil || now.Sub(m.failed) >= failurePause {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
		defer cancel()
		value, err := fetch(ctx)
		m.err, m.failed = err, now
		if err == nil {
			m.value, m.fetched = value, now
			return value, nil
		}
	}
	if !m.fetched.IsZero() && age < maxStale {
		return m.value, nil
	}
	var none T
	return none, m.err
}
