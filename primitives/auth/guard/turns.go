package guard

import (
	"net/netip"
	"slices"
	"sync"
)

// turns gives out a few slots in rounds, one to each waiting client in turn, a
// client being an address or an IPv6 network. However many requests another
// client has sent, at most one of them goes first.
type turns struct {
	mu   sync.Mutex
	free int
	// most and mostOfOne bound the requests that wait, in all and per client.
	most, mostOfOne int
	waiting         int
	lines           map[netip.Prefix][]chan struct{}
	order           []netip.Prefix // of the clients with a line; the first is next
}

func newTurns(slots, most, mostOfOne int) *turns {
	return &turns{free: slots, most: most, mostOfOne: mostOfOne, lines: map[netip.Prefix][]chan struct{}{}}
}

// join asks for a slot; turn is closed once it is granted. ok is false when too
// many are waiting already. A caller that joined must call leave.
func (t *turns) join(client netip.Prefix) (turn chan struct{}, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	turn = make(chan struct{})
	if t.free > 0 {
		t.free--
		close(turn)
		return turn, true
	}
	line := t.lines[client]
	if t.waiting >= t.most || len(line) >= t.mostOfOne {
		return nil, false
	}
	if len(line) == 0 {
		t.order = append(t.order, client)
	}
	t.lines[client] = append(line, turn)
	t.waiting++
	return turn, true
}

// leave passes the slot on to the next client, or stops waiting for it.
func (t *turns) leave(client netip.Prefix, turn chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-turn:
	default:
		t.giveUp(client, turn)
		return
	}
	if len(t.order) == 0 {
		t.free++
		return
	}
	next := t.order[0]
	t.order = t.order[1:]
	line := t.lines[next]
	close(line[0])
	t.waiting--
	if t.setLine(next, line[1:]) {
		t.order = append(t.order, next)
	}
}

func (t *turns) giveUp(client netip.Prefix, turn chan struct{}) {
	t.waiting--
	left := slices.DeleteFunc(t.lines[client], func(other chan struct{}) bool { return other == turn })
	if !t.setLine(client, left) {
		t.order = slices.DeleteFunc(t.order, func(other netip.Prefix) bool { return other == client })
	}
}

// setLine replaces the line of a client and reports whether anyone is left in
// it.
func (t *turns) setLine(client netip.Prefix, line []chan struct{}) bool {
	if len(line) == 0 {
		delete(t.lines, client)
		return false
	}
	t.lines[client] = line
	return true
}
