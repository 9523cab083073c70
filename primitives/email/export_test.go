package email

import "context"

// Work does once what Run does again and again.
func (s *Service) Work(ctx context.Context) error { return s.work(ctx) }

// The bounds that tests reach.
const (
	MaxKept      = maxKept
	MaxKeptBytes = maxKeptBytes
	KeptFor      = keptFor
	MaxAttempts  = maxAttempts
	MaxWaiting   = maxWaiting
	KeptFailed   = keptFailed
	FailedFor    = failedFor
	MaxSessions  = maxSessions
	Lease        = lease
)
