package respond

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// memoryLimit is how much of a body is kept in memory.
const memoryLimit = 1 << 20

// keepBuffer is the largest buffer that is used again.
const keepBuffer = 256 << 10

// Buffers lends memory for bodies. The zero value is ready for use.
type Buffers struct{ pool sync.Pool }

// Spool is a body while it is made and sent. Its owner calls Close.
type Spool struct {
	buffers *Buffers
	dir     string
	most    int64
	buf     []byte
	file    *os.File
	flushed int64
}

// ErrTooLarge reports whether a body is over the limit of its Spool.
var ErrTooLarge = errors.New("the result is larger than the server may hold")

// NewSpool returns an empty body. What does not fit in memory goes to a
// temporary file in dir, up to most bytes in all.
func (p *Buffers) NewSpool(dir string, most int64) *Spool {
	s := &Spool{buffers: p, dir: dir, most: most}
	if b, ok := p.pool.Get().(*[]byte); ok {
		s.buf = (*b)[:0]
	}
	return s
}

// Append lets f append to the body.
func (s *Spool) Append(f func(b []byte) []byte) error {
	s.buf = f(s.buf)
	if len(s.buf) < memoryLimit {
		return nil
	}
	return s.flush()
}

// Text appends text.
func (s *Spool) Text(text string) error {
	return s.Append(func(b []byte) []byte { return append(b, text...) })
}

// Bytes appends bytes, of which it keeps a part in memory at a time.
func (s *Spool) Bytes(all []byte) error {
	for len(all) > 0 {
		part := all[:min(len(all), memoryLimit)]
		all = all[len(part):]
		if err := s.Append(func(b []byte) []byte { return append(b, part...) }); err != nil {
			return err
		}
	}
	return nil
}

func (s *Spool) flush() error {
	if s.Len() > s.most {
		return ErrTooLarge
	}
	if s.file == nil {
		f, err := os.CreateTemp(s.dir, "result-*")
		if err != nil {
			return fmt.Errorf("keep a large result: %w", err)
		}
		s.file = f
		// The file has no name from here on, so nothing is left behind.
		if err := os.Remove(f.Name()); err != nil {
			return fmt.Errorf("keep a large result: %w", err)
		}
	}
	if _, err := s.file.Write(s.buf); err != nil {
		return fmt.Errorf("keep a large result: %w", err)
	}
	s.flushed += int64(len(s.buf))
	s.buf = s.buf[:0]
	return nil
}

// Len is the body's length in bytes.
func (s *Spool) Len() int64 { return s.flushed + int64(len(s.buf)) }

// Reset empties the body, to make it anew.
func (s *Spool) Reset() error {
	s.buf, s.flushed = s.buf[:0], 0
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file = nil
	return err
}

// WriteTo sends the body.
func (s *Spool) WriteTo(w io.Writer) (int64, error) {
	var n int64
	if s.file != nil {
		if _, err := s.file.Seek(0, io.SeekStart); err != nil {
			return 0, err
		}
		var err error
		if n, err = io.Copy(w, s.file); err != nil {
			return n, err
		}
	}
	m, err := w.Write(s.buf)
	return n + int64(m), err
}

// Close gives the memory back and removes the file. The Spool must not be
// used afterwards.
func (s *Spool) Close() {
	if s.file != nil {
		_ = s.file.Close() // nothing was to be kept
	}
	if cap(s.buf) > 0 && cap(s.buf) <= keepBuffer {
		b := s.buf[:0]
		s.buffers.pool.Put(&b)
	}
	s.buf, s.file = nil, nil
}
