package sqltext

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// firstRead is how much a Scanner reads at once while statements are small.
const firstRead = 64 << 10

// Scanner reads statements one by one from a text of any length and holds
// little more than one of them in memory. Unlike Split it returns a statement
// before it has seen a comment that follows.
type Scanner struct {
	r    io.Reader
	most int

	text string // what was read and is not yet passed, from pos
	pos  int
	eof  bool

	offset int // of text in the whole
	line   int // of text[pos]
}

// NewScanner returns a Scanner of r that refuses statements, with the
// comments before them, of more than most bytes.
func NewScanner(r io.Reader, most int) *Scanner {
	return &Scanner{r: r, most: most, line: 1}
}

// Next returns the next statement, or io.EOF after the last. Pos and Line
// count in the whole text. Other errors are those of the reader, and a
// *SyntaxError as Split returns it, also for a statement that is too long.
func (s *Scanner) Next() (Statement, error) {
	for {
		found, end, syntax := cut(s.text, s.pos, s.eof)
		switch {
		case syntax != nil && syntax.incomplete && !s.eof:
			if err := s.more(); err != nil {
				return Statement{}, err
			}
			continue
		case syntax != nil:
			return Statement{}, s.fail(syntax.Pos, syntax.Reason)
		case !utf8.ValidString(s.text[s.pos:end]):
			return Statement{}, s.fail(s.pos, "the text is not UTF-8")
		case found.Text == "" && s.eof && end == len(s.text):
			return Statement{}, io.EOF
		}
		found.Line = s.line + strings.Count(s.text[s.pos:max(found.Pos, s.pos)], "\n")
		found.Pos += s.offset
		s.line += strings.Count(s.text[s.pos:end], "\n")
		s.pos = end
		if found.Text != "" {
			return found, nil
		}
	}
}

// more reads as much again as is held, so that reading a long statement several
// times from its beginning takes time proportional to its length.
func (s *Scanner) more() error {
	held := s.text[s.pos:]
	if len(held) > s.most {
		return s.fail(s.pos, fmt.Sprintf("a statement is longer than %d bytes; split it into several", s.most))
	}
	buf := make([]byte, len(held)+max(firstRead, len(held)))
	copy(buf, held)
	n, err := io.ReadFull(s.r, buf[len(held):])
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		s.eof, err = true, nil
	}
	s.offset += s.pos
	s.text, s.pos = string(buf[:len(held)+n]), 0
	return err
}

func (s *Scanner) fail(pos int, reason string) error {
	return &SyntaxError{Pos: s.offset + pos, Line: s.line + strings.Count(s.text[s.pos:max(pos, s.pos)], "\n"), Reason: reason}
}
