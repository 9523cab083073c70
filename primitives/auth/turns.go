package auth

import (
	"net/netip"
	"slices"
	"sync"
)

// turns shares a few slots out among clients, a client being an address or an
// IPv6 network: whoever waits is served after at most one of each other client,
// however many one of them has sent.
type turns struct {
	mu   sync.Mutex
	free int
	// most and mostOfOne bound who waits, all together and of one client.
	most, mostOfOne int
	waiting         int
	lines           map[netip.Prefix][]chan struct{}
	order           []netip.Prefix // of the clients with a line, whose turn is next first
}

func newTurns(slots, most, mostOfOne int) *turns {
	return &turns{free: slots, most: most, mostOfOne: mostOfOne, lines: map[netip.Prefix][]chan struct{}{}}
}

// join takes a slot, which turn tells of: it is closed when the slot is there.
// ok is false where too many wait already. Whoever joined calls leave.
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

// leave gives the slot of turn to the next client, or gives up waiting for it.
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

// setLine reports whether somebody is left in the line.
func (t *turns) setLine(client netip.Prefix, line []chan struct{}) bool {
	if len(line) == 0 {
		delete(t.lines, client)
		return false
	}
	t.lines[client] = line
	return true
}
