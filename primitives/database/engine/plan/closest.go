package plan

import (
	"math"
	"slices"
	"strings"
	"unicode"
)

// usualScore is the similarity at which names begin to count as alike.
const usualScore = 0.33

// closest returns the candidate most like text, or "" when none has at least
// the score least. It finds what Haskell's fuzzyset finds: candidates that share
// three-letter or else two-letter runs, compared by cosine, the best fifty of
// them then by edit distance.
func closest(candidates []string, text string, least float64) string {
	const shortlist = 50
	if slices.Contains(candidates, text) {
		return text
	}
	wanted := strings.ToLower(text)
	for size := 3; size >= 2; size-- {
		type match struct {
			name  string
			score float64
		}
		var found []match
		grams := gramsOf(wanted, size)
		for _, c := range candidates {
			if score := cosine(grams, gramsOf(strings.ToLower(c), size)); score > 0 {
				found = append(found, match{c, score})
			}
		}
		byScore := func(a, b match) int {
			switch {
			case a.score > b.score:
				return -1
			case a.score < b.score:
				return 1
			}
			return 0
		}
		slices.SortStableFunc(found, byScore)
		found = found[:min(len(found), shortlist)]
		for i := range found {
			found[i].score = similarity(strings.ToLower(found[i].name), wanted)
		}
		slices.SortStableFunc(found, byScore)
		if len(found) > 0 && found[0].score >= least {
			return found[0].name
		}
	}
	return ""
}

func gramsOf(s string, size int) map[string]int {
	runes := []rune{'-'}
	for _, r := range s {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r == ',' || r == ' ' {
			runes = append(runes, r)
		}
	}
	runes = append(runes, '-')
	for len(runes) < size {
		runes = append(runes, '-')
	}
	out := map[string]int{}
	for i := 0; i+size <= len(runes); i++ {
		out[string(runes[i:i+size])]++
	}
	return out
}

func cosine(a, b map[string]int) float64 {
	var dot, na, nb float64
	for g, n := range a {
		dot += float64(n * b[g])
		na += float64(n * n)
	}
	for _, n := range b {
		nb += float64(n * n)
	}
	if dot == 0 {
		return 0
	}
	return dot / math.Sqrt(na*nb)
}

// similarity is one minus the edit distance relative to the longer text.
func similarity(a, b string) float64 {
	x, y := []rune(a), []rune(b)
	if len(x) == 0 && len(y) == 0 {
		return 1
	}
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i, r := range x {
		diagonal := row[0]
		row[0] = i + 1
		for j, q := range y {
			cost := diagonal
			if r != q {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return 1 - float64(row[len(y)])/float64(max(len(x), len(y)))
}
