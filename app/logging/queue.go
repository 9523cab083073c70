package logging

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	// gatherFor is how long lines are gathered before they are written: no
	// request waits for the disk, and many lines share one write.
	gatherFor = 20 * time.Millisecond
	// maxPending bounds the lines that wait. Beyond it they are dropped and
	// counted: a full or stuck disk must not stop the product.
	maxPending = 8 << 20
	// writeSize is how much is cleaned and written at once.
	writeSize = 64 << 10
	// keepSize is the largest buffer that is reused.
	keepSize = 1 << 20
)

// queue accepts lines without waiting for I/O, and cleans and writes them in the
// background. A process that is killed loses the last few.
type queue struct {
	clean func(lines []byte) []byte
	sinks []io.Writer

	mu      sync.Mutex
	pending []byte // whole lines
	dropped int

	wake chan struct{} // holds one token while lines are pending
	end  sync.Once
	quit chan struct{}
	done chan struct{}
}

// newQueue starts a queue; Close ends it. Each sink gets whole lines.
func newQueue(clean func([]byte) []byte, sinks ...io.Writer) *queue {
	q := &queue{clean: clean, sinks: sinks, wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{})}
	go q.run()
	return q
}

// Write takes one line, as zerolog hands it over. It never fails.
func (q *queue) Write(line []byte) (int, error) {
	q.mu.Lock()
	if len(q.pending)+len(line) > maxPending {
		q.dropped++
	} else {
		q.pending = append(q.pending, line...)
	}
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return len(line), nil
}

// Close writes what is pending and ends the queue. Lines that come later are
// lost.
func (q *queue) Close() {
	q.end.Do(func() { close(q.quit) })
	<-q.done
}

func (q *queue) run() {
	defer close(q.done)
	var spare []byte
	for {
		select {
		case <-q.wake:
			timer := time.NewTimer(gatherFor)
			select {
			case <-timer.C:
			case <-q.quit:
				timer.Stop()
			}
		case <-q.quit:
			q.drain(spare)
			return
		}
		spare = q.drain(spare)
	}
}

// drain writes all pending lines and returns a buffer for the next ones.
func (q *queue) drain(spare []byte) []byte {
	q.mu.Lock()
	lines, dropped := q.pending, q.dropped
	q.pending, q.dropped = spare[:0], 0
	q.mu.Unlock()
	q.write(lines)
	if dropped > 0 {
		q.write(fmt.Appendf(nil, "{\"level\":\"warn\",\"timestamp\":%q,\"message\":\"%d log lines were dropped: the log could not keep up\"}\n",
			time.Now().UTC().Format(timestampFormat), dropped))
	}
	if cap(lines) > keepSize {
		return nil // a burst is over; give its memory back
	}
	return lines
}

// write cleans the lines and hands them on in large writes. A sink that fails
// loses its lines: there is nowhere to complain.
func (q *queue) write(lines []byte) {
	for len(lines) > 0 {
		end := len(lines)
		if end > writeSize {
			end = bytes.LastIndexByte(lines[:writeSize], '\n') + 1
		}
		if end == 0 { // one long line
			end = bytes.IndexByte(lines, '\n') + 1
		}
		if end == 0 {
			end = len(lines)
		}
		out := q.clean(lines[:end])
		for _, sink := range q.sinks {
			_, _ = sink.Write(out)
		}
		lines = lines[end:]
	}
}
