// Package events announces facts after they are committed. News may be lost on
// a crash or dropped for a slow subscriber, so nothing that must happen may
// depend on it.
package events

import (
	"sync"
	"sync/atomic"
)

// Resource names the part of the project that changed, as the dashboard's
// event stream spells it.
type Resource string

// The resources of the dashboard's event stream.
const (
	Database        Resource = "database"
	Users           Resource = "users"
	Buckets         Resource = "buckets"
	Functions       Resource = "functions"
	Deployments     Resource = "deployments"
	ComputeServices Resource = "compute_services"
)

// Change is one object that changed. Type is one of tables, table, records,
// index, trigger, policy, function, extension, migration.
type Change struct {
	Type string `json:"type"`
	Name string `json:"name,omitempty"`
}

// DataUpdate says that data of a resource changed.
type DataUpdate struct {
	Resource Resource
	// Changes, Slug and BucketName narrow it down where known.
	Changes    []Change
	Slug       string
	BucketName string
}

// MCPConnected says that an agent used a tool.
type MCPConnected struct {
	ToolName  string
	CreatedAt string // RFC 3339, milliseconds, UTC
}

// Event is one of the types of this package.
type Event any

// buffer is how many events a subscriber may lag behind.
const buffer = 256

// Bus hands every published event to every subscriber. The zero value is
// ready for use and safe for concurrent use.
type Bus struct {
	mu      sync.RWMutex
	subs    map[*Subscription]struct{}
	dropped atomic.Int64
}

// Subscription is one subscriber's queue.
type Subscription struct {
	bus *Bus
	ch  chan Event
}

// Subscribe returns a queue of all events published from now on. The
// subscriber must call Close.
func (b *Bus) Subscribe() *Subscription {
	s := &Subscription{bus: b, ch: make(chan Event, buffer)}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.subs == nil {
		b.subs = map[*Subscription]struct{}{}
	}
	b.subs[s] = struct{}{}
	return s
}

// C is the queue.
func (s *Subscription) C() <-chan Event { return s.ch }

// Close ends the subscription. The queue is not closed.
func (s *Subscription) Close() {
	s.bus.mu.Lock()
	defer s.bus.mu.Unlock()
	delete(s.bus.subs, s)
}

// Publish hands e to all subscribers and never blocks: a subscriber whose
// queue is full misses it.
func (b *Bus) Publish(e Event) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for s := range b.subs {
		select {
		case s.ch <- e:
		default:
			b.dropped.Add(1)
		}
	}
}

// Dropped is the number of events that subscribers missed.
func (b *Bus) Dropped() int64 { return b.dropped.Load() }
