package transfer

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/quote"
	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
)

// sameIdentities makes sure that existing rows have the identities that their
// records give, for one set of columns: a value that is GENERATED ALWAYS cannot
// be changed.
func (w *writer) sameIdentities(ctx context.Context, set int) error {
	for _, c := range w.text.sets[set] {
		if !c.always || w.key == "" || c.name == w.key {
			continue
		}
		key, name := quote.Identifier(w.key), quote.Identifier(c.name)
		var at int
		err := w.tx.QueryRow(ctx, `
			SELECT coalesce(min(s.`+w.number+`), 0)
			  FROM `+w.temp+` s JOIN `+w.table.SQL()+` t ON t.`+key+` = s.`+key+`
			 WHERE s.`+w.set+` = $1 AND t.`+name+` <> s.`+name, set).Scan(&at)
		if err != nil {
			return err
		}
		if at > 0 {
			return refusedAt(fmt.Sprintf("Row %d, column %s: the row with this %s has another value, and one that is GENERATED ALWAYS cannot be changed", at, c.name, w.key))
		}
	}
	return nil
}

// sequence is a sequence and its present state.
type sequence struct {
	oid              uint32
	name             string // qualified and quoted
	increment, least int64
	most, cache      int64
	owned, readable  bool // by the caller
	last             int64
	called           bool
}

// advance moves the sequences of columns past the values that the file gave
// them. It returns what to do about those that cannot be moved now.
func (w *writer) advance(ctx context.Context) (behind []string, err error) {
	for _, c := range w.table.columns {
		given := slices.ContainsFunc(w.text.sets, func(set []*columnInfo) bool { return slices.Contains(set, c) })
		if c.sequence == 0 || !given || !isInteger(c.kind.OID) {
			continue
		}
		s, err := w.findSequence(ctx, c.sequence)
		if err != nil {
			return nil, err
		}
		furthest, err := w.furthest(ctx, c, s)
		if err != nil {
			return nil, err
		}
		if furthest == nil || !s.behind(*furthest) {
			continue
		}
		moved := false
		if s.owned {
			if moved, err = w.move(ctx, s, *furthest); err != nil {
				return nil, err
			}
		}
		if !moved {
			behind = append(behind, fmt.Sprintf("the sequence of %s is behind them: run SELECT setval(%s, %d)", c.name, quote.Literal(s.name), *furthest))
		}
	}
	return behind, nil
}

func (w *writer) findSequence(ctx context.Context, oid uint32) (s sequence, err error) {
	s.oid = oid
	err = w.tx.QueryRow(ctx, `
		SELECT format('%I.%I', n.nspname, c.relname), q.seqincrement, q.seqmin, q.seqmax, q.seqcache,
		       pg_has_role(c.relowner, 'USAGE'), has_sequence_privilege(c.oid, 'SELECT')
		  FROM pg_sequence q JOIN pg_class c ON c.oid = q.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		 WHERE q.seqrelid = $1`, oid).Scan(&s.name, &s.increment, &s.least, &s.most, &s.cache, &s.owned, &s.readable)
	if err != nil || !s.readable {
		return s, err
	}
	return s, s.read(ctx, w.tx)
}

func (s *sequence) read(ctx context.Context, tx pgx.Tx) error {
	return tx.QueryRow(ctx, `SELECT last_value, is_called FROM `+s.name).Scan(&s.last, &s.called)
}

// behind reports whether the sequence has yet to reach a value.
func (s *sequence) behind(value int64) bool {
	if !s.readable {
		return false
	}
	next := s.last
	if s.called {
		next += s.increment
	}
	return s.increment > 0 && value >= next || s.increment < 0 && value <= next
}

// furthest returns the value of a column in the file that a sequence reaches
// last, or nil when it reaches none.
func (w *writer) furthest(ctx context.Context, c *columnInfo, s sequence) (value *int64, err error) {
	last := "max"
	if s.increment < 0 {
		last = "min"
	}
	name := quote.Identifier(c.name)
	err = w.tx.QueryRow(ctx, `SELECT `+last+`(`+name+`)::bigint FROM `+w.temp+` WHERE `+name+` BETWEEN $1 AND $2`, s.least, s.most).Scan(&value)
	return value, err
}

// move moves a sequence to a value. ALTER SEQUENCE keeps other transactions from
// taking numbers meanwhile, and lets a rollback undo the move. It returns false
// when a transaction that took a number does not end in time.
func (w *writer) move(ctx context.Context, s sequence, value int64) (bool, error) {
	nested, err := w.tx.Begin(ctx)
	if err != nil {
		return false, err
	}
	_, err = nested.Exec(ctx, "ALTER SEQUENCE "+s.name+" CACHE "+strconv.FormatInt(s.cache, 10))
	if err == nil {
		err = s.read(ctx, nested)
	}
	if err == nil && s.behind(value) {
		_, err = nested.Exec(ctx, `SELECT setval($1::oid::regclass, $2)`, s.oid, value)
	}
	switch {
	case err == nil:
		return true, nested.Commit(ctx)
	case pg.State(err) == pgerrcode.LockNotAvailable:
		return false, nested.Rollback(ctx)
	}
	return false, err
}
