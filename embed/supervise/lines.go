package supervise

import "bytes"

// truncatedMark ends a line that was longer than the limit.
const truncatedMark = " [line cut]"

// lineWriter turns a byte stream into calls of emit, one per line, without the
// line end. It keeps at most limit bytes of a line and drops the rest, so a
// process that never writes a newline cannot fill the memory.
type lineWriter struct {
	emit  func(line string)
	limit int
	line  []byte
	cut   bool
}

// Write never fails.
func (w *lineWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			w.add(p)
			return n, nil
		}
		w.add(p[:end])
		w.flush()
		p = p[end+1:]
	}
	return n, nil
}

func (w *lineWriter) add(p []byte) {
	if room := w.limit - len(w.line); len(p) > room {
		p, w.cut = p[:room], true
	}
	w.line = append(w.line, p...)
}

// flush emits what is pending as a line.
func (w *lineWriter) flush() {
	line := string(bytes.TrimSuffix(w.line, []byte("\r")))
	if w.cut {
		line += truncatedMark
	}
	w.line, w.cut = w.line[:0], false
	w.emit(line)
}

// close emits a last line that had no end.
func (w *lineWriter) close() {
	if len(w.line) > 0 || w.cut {
		w.flush()
	}
}
