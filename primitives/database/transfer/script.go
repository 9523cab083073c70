package transfer

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/insforge/insforge-go/primitives/database/sqltext"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
)

// Bounds of how much of a script is in memory.
const (
	maxStatementBytes = 64 << 20
	maxCopyBytes      = 256 << 10 // of a COPY statement without its rows
)

// script reads a file of SQL step by step, also one for psql: COPY with its
// rows after it, and backslash commands on their own lines.
type script struct {
	file io.ReaderAt
	size int64

	scanner    *sqltext.Scanner
	start      int64 // of what scanner reads
	line       int   // of start
	end        int64 // of the last statement
	endLine    int
	unfinished *copyRows
}

// step is one statement, or a line for psql.
type step struct {
	sqltext.Statement
	// rows are what follows COPY … FROM stdin.
	rows *copyRows
	// psql is the command of a line for psql, such as \connect; the line is Text.
	psql string
}

func newScript(file io.ReaderAt, size int64) *script {
	s := &script{file: file, size: size}
	s.resume(0, 1)
	return s
}

// resume continues at an offset in the file.
func (s *script) resume(offset int64, line int) {
	s.start, s.line, s.end, s.endLine = offset, line, offset, line
	s.scanner = sqltext.NewScanner(s.section(offset), maxStatementBytes)
}

func (s *script) section(offset int64) io.Reader {
	return io.NewSectionReader(s.file, offset, max(0, s.size-offset))
}

// next returns the next step, or io.EOF. It skips rows that were not read.
// Errors are faults: 403 FORBIDDEN for text that is not SQL.
func (s *script) next() (step, error) {
	if r := s.unfinished; r != nil {
		s.unfinished = nil
		if _, err := io.Copy(io.Discard, r); err != nil {
			return step{}, err
		}
		s.resume(r.offset, r.line)
	}
	statement, err := s.scanner.Next()
	if err == nil {
		statement.Line += s.line - 1
		s.end = s.start + int64(statement.Pos+len(statement.Text))
		s.endLine = statement.Line + strings.Count(statement.Text, "\n")
		return step{Statement: statement}, nil
	}
	var syntax *sqltext.SyntaxError
	if !errors.As(err, &syntax) {
		return step{}, err
	}
	at := s.start + int64(syntax.Pos)
	var found step
	ok := false
	switch word := s.wordAt(at); {
	case strings.EqualFold(word, "stdin"):
		found, ok, err = s.copy(at)
	case strings.HasPrefix(word, `\`):
		found, ok, err = s.command(at, word)
	}
	if ok || err != nil {
		return found, err
	}
	syntax.Line += s.line - 1
	return step{}, syntax
}

// wordAt returns the letters at an offset, with the character before them.
func (s *script) wordAt(offset int64) string {
	text := make([]byte, 24)
	n, _ := s.file.ReadAt(text, offset)
	for i, c := range text[:n] {
		if i > 0 && c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') {
			return string(text[:i])
		}
	}
	return string(text[:n])
}

// command reads the line of a command for psql; ok is false where it is within
// a statement.
func (s *script) command(at int64, word string) (_ step, ok bool, err error) {
	before, err := s.between(s.end, at)
	if err != nil {
		return step{}, false, err
	}
	if !isBlank(before) {
		return step{}, false, nil
	}
	text, err := bufio.NewReader(io.LimitReader(s.section(at), maxCopyBytes)).ReadString('\n')
	if err != nil && err != io.EOF {
		return step{}, false, err
	}
	line := s.endLine + strings.Count(before, "\n")
	s.resume(at+int64(len(text)), line+1)
	text = strings.TrimSpace(text)
	if word == `\` {
		word = text[:min(len(text), 2)]
	}
	return step{Statement: sqltext.Statement{Text: text, Pos: int(at), Line: line}, psql: word}, true, nil
}

// between returns the text between two offsets, which must be close.
func (s *script) between(from, to int64) (string, error) {
	if to-from > maxCopyBytes {
		return "", unreadable(s.endLine, fmt.Sprintf("more than %d bytes of comments", maxCopyBytes))
	}
	text := make([]byte, to-from)
	_, err := s.file.ReadAt(text, from)
	return string(text), err
}

// copy reads COPY … FROM stdin, whose last word is at an offset. The lexer
// refuses such statements, so it is given a file name instead of stdin. from
// is false for COPY … TO stdin, which Postgres reads as stdout.
func (s *script) copy(at int64) (_ step, from bool, err error) {
	const word, stand = "stdin", "'stdin'"
	before, err := s.between(s.end, at)
	if err != nil {
		return step{}, false, err
	}
	text := io.MultiReader(strings.NewReader(before+stand), io.LimitReader(s.section(at+int64(len(word))), maxCopyBytes))
	found, err := sqltext.NewScanner(text, 2*maxCopyBytes).Next()
	if err != nil {
		return step{}, false, err
	}
	found.Line += s.endLine - 1
	if !copiesFrom(found, len(before)-found.Pos) {
		return step{}, false, nil
	}
	end := s.end + int64(found.Pos+len(found.Text)+len(word)-len(stand))
	found.Text = found.Text[:len(before)-found.Pos] + word + found.Text[len(before)-found.Pos+len(stand):]

	tail, err := bufio.NewReader(io.LimitReader(s.section(end), maxCopyBytes)).ReadString('\n')
	if err != nil && err != io.EOF {
		return step{}, false, err
	}
	line := found.Line + strings.Count(found.Text, "\n") + 1
	if rest, semicolon := strings.CutPrefix(strings.TrimLeft(tail, " \t"), ";"); !semicolon || !isBlank(rest) {
		return step{}, false, unreadable(line-1, "the rows of COPY begin on the line after its semicolon")
	}
	s.unfinished = newCopyRows(s.section(end+int64(len(tail))), end+int64(len(tail)), line)
	return step{Statement: found, rows: s.unfinished}, true, nil
}

// isBlank reports whether there is nothing but comments in a text.
func isBlank(text string) bool {
	statements, err := sqltext.Split(text)
	return err == nil && len(statements) == 0
}

// copiesFrom reports whether a statement is COPY … FROM with its source at pos.
func copiesFrom(s sqltext.Statement, pos int) bool {
	var prev sqltext.Token
	for t := range s.Tokens() {
		if t.Pos == pos {
			return s.Command() == "COPY" && prev.Is("from")
		}
		prev = t
	}
	return false
}

// copyRows are the lines after a COPY, up to one that is just \.
type copyRows struct {
	r       *bufio.Reader
	offset  int64 // of the next byte in the file
	line    int   // its line
	inLine  bool  // it is not the first of its line
	pending []byte
	done    bool
}

func newCopyRows(r io.Reader, offset int64, line int) *copyRows {
	return &copyRows{r: bufio.NewReaderSize(r, 64<<10), offset: offset, line: line}
}

// Read implements io.Reader.
func (c *copyRows) Read(p []byte) (int, error) {
	if len(c.pending) == 0 {
		if err := c.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.pending)
	c.pending = c.pending[n:]
	return n, nil
}

// fill reads a line, or as much of one as fits.
func (c *copyRows) fill() error {
	if c.done {
		return io.EOF
	}
	part, err := c.r.ReadSlice('\n')
	if err != nil && err != bufio.ErrBufferFull && err != io.EOF {
		return err
	}
	c.offset += int64(len(part))
	first := !c.inLine
	c.inLine = err == bufio.ErrBufferFull
	if !c.inLine {
		c.line++
	}
	if first && !c.inLine && string(bytes.TrimRight(part, "\r\n")) == `\.` || len(part) == 0 {
		c.done = true
		return io.EOF
	}
	c.pending = part
	return nil
}

func unreadable(line int, reason string) *fault.Error {
	return fault.Invalid(fmt.Sprintf("Line %d: %s", line, reason)).Next("Correct the file and send it again. Nothing was imported.")
}
