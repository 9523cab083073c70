package request

import (
	"cmp"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
)

// Range is a window of rows: First and Last are zero-based and inclusive;
// Last counts only unless Open.
type Range struct {
	First, Last int64
	Open        bool
	// OffsetBeyond and LimitBeyond are the offset and the limit where no bigint
	// holds them, and else empty. See Beyond.
	OffsetBeyond, LimitBeyond string
}

// AllRows is the range without limit and offset.
func AllRows() Range { return Range{Open: true} }

// IsAll reports whether the range neither skips nor limits.
func (r Range) IsAll() bool { return r.Open && r.First == 0 }

// Limit is the number of rows of the range; ok is false without a limit.
func (r Range) Limit() (rows int64, ok bool) { return 1 + r.Last - r.First, !r.Open }

// Beyond is the limit or the offset of the range that no bigint holds.
func (r Range) Beyond() (number string, ok bool) {
	number = cmp.Or(r.LimitBeyond, r.OffsetBeyond)
	return number, number != ""
}

func (r Range) empty() bool     { return !r.Open && r.Last < r.First }
func (r Range) limitZero() bool { return !r.Open && r.Last == -1 && r.First == 0 }

func zeroRows() Range { return Range{First: 0, Last: -1} }

func (r Range) intersect(o Range) Range {
	if r.empty() || o.empty() {
		return Range{First: 1, Last: 0}
	}
	out := Range{First: r.First, OffsetBeyond: r.OffsetBeyond, Open: r.Open && o.Open}
	if o.First > r.First {
		out.First, out.OffsetBeyond = o.First, o.OffsetBeyond
	}
	switch {
	case r.Open, !o.Open && o.Last < r.Last:
		out.Last, out.LimitBeyond = o.Last, o.LimitBeyond
	default:
		out.Last, out.LimitBeyond = r.Last, r.LimitBeyond
	}
	return out
}

// Restrict caps the range at rows, which is the max-rows setting; limit=0 is
// left unchanged.
func (r Range) Restrict(rows int64) Range {
	if r.limitZero() {
		return r
	}
	return r.intersect(Range{First: 0, Last: lastOf(r.First, rows)})
}

// lastOf is the last of so many rows from first, and no more than a bigint.
func lastOf(first, rows int64) int64 {
	if first > 0 && rows > math.MaxInt64-first {
		return math.MaxInt64
	}
	return first + rows - 1
}

// number is an integer of the request. beyond is its text if it is greater than
// a bigint or less, and n the bigint next to it.
type number struct {
	n      int64
	beyond string
	given  bool
}

// parseNumber reads an integer of any length; anything else is not given.
func parseNumber(text string) number {
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err == nil:
		return number{n: n, given: true}
	case errors.Is(err, strconv.ErrRange):
		if digits, negative := strings.CutPrefix(text, "-"); negative {
			return number{n, "-" + strings.TrimLeft(digits, "0"), true}
		}
		return number{n, strings.TrimLeft(text, "+0"), true}
	}
	return number{}
}

func (k keyedRange) window() Range {
	out := AllRows()
	if k.offset.given {
		out.First, out.OffsetBeyond = k.offset.n, k.offset.beyond
	}
	if k.limit.given {
		out.Open = false
		// Below zero, every limit is as wrong as any other.
		out.Last, out.LimitBeyond = lastOf(out.First, max(k.limit.n, -1)), k.limit.beyond
	}
	return out
}

// headerRange reads "first-last" or "first-"; anything else is all rows.
func headerRange(h http.Header) Range {
	text := h.Get("Range")
	first, last, ok := strings.Cut(text, "-")
	if !ok || !digits(first) || (last != "" && !digits(last)) {
		return AllRows()
	}
	from := parseNumber(first)
	if last == "" {
		return Range{First: from.n, OffsetBeyond: from.beyond, Open: true}
	}
	to := parseNumber(last)
	out := Range{First: from.n, OffsetBeyond: from.beyond, Last: to.n, LimitBeyond: to.beyond}
	if from.n == 0 && to.n == math.MaxInt64 {
		out.LimitBeyond = cmp.Or(to.beyond, "9223372036854775808") // one more than last
	}
	return out
}

func digits(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isDigit(rune(s[i])) {
			return false
		}
	}
	return s != ""
}

// setRanges works out the root's range from the Range header, which counts
// for GET only, and limit and offset.
func (r *Request) setRanges(p *queryParser, h http.Header) *Error {
	header := AllRows()
	if r.Method == http.MethodGet {
		header = headerRange(h)
	}
	limit := AllRows()
	for _, k := range p.ranges {
		if len(k.path) == 0 {
			limit = k.window()
			continue
		}
		p.Ranges = append(p.Ranges, At[Range]{k.path, k.window()})
	}
	r.Range = header.intersect(limit)
	if limit.limitZero() {
		r.Range = zeroRows()
	}
	switch {
	case r.Range.empty() && !limit.limitZero() && header.empty():
		return rangeReversed()
	case r.Range.empty() && !limit.limitZero():
		return rangeNegativeLimit()
	case (r.Kind == Update || r.Kind == Delete) && p.HasRanges && len(p.Order) == 0:
		return LimitWithoutOrder()
	case r.Kind == Upsert && !r.Range.IsAll():
		return NewError(http.StatusBadRequest, "PGRST114", "limit/offset querystring parameters are not allowed for PUT")
	}
	return nil
}
