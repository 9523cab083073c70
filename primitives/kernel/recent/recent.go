// Package recent remembers a bounded number of recently used values.
package recent

import "sync"

// Map holds two generations of entries. When the younger one is full, the
// older one is forgotten; an entry that is still in use moves on. It is safe
// for concurrent use.
type Map[K comparable, V any] struct {
	size       int
	mu         sync.Mutex
	young, old map[K]V
}

// New returns a Map whose generations hold size entries each.
func New[K comparable, V any](size int) *Map[K, V] {
	return &Map[K, V]{size: size, young: map[K]V{}}
}

// Get returns the value of k; ok reports whether there is one.
func (m *Map[K, V]) Get(k K) (v V, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v, ok = m.young[k]; ok {
		return v, true
	}
	if v, ok = m.old[k]; ok {
		m.add(k, v)
	}
	return v, ok
}

// Put sets the value of k.
func (m *Map[K, V]) Put(k K, v V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.add(k, v)
}

// Delete forgets k.
func (m *Map[K, V]) Delete(k K) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.young, k)
	delete(m.old, k)
}

func (m *Map[K, V]) add(k K, v V) {
	if len(m.young) >= m.size {
		m.old, m.young = m.young, make(map[K]V, m.size)
	}
	m.young[k] = v
}
