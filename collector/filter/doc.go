// Package filter is the language in which people ask for spans and logs:
//
//	service = "cart" AND duration > 250ms AND NOT (http.route =~ "^/health" OR code < 500)
//
// A comparison is a key, an operator (= != > >= < <= =~ !~) and a value; "key exists"
// asks whether there is one. Comparisons are joined by AND, OR and NOT (also &&, ||
// and !), AND binding tighter than OR, and grouped by parentheses. "Quoted text" that
// stands alone asks for rows that hold it, wherever people read text. Words of the
// language may be written in any case. A key with other characters than letters,
// digits and _ . - / stands in backquotes.
//
// Values are text ("quoted", with Go's escapes, or a bare word), numbers, durations
// (250ms, 1.5s), true and false. A bare word, a number or a truth value also matches
// text that is spelled so.
//
// Every comparison needs the attribute: != and !~ do not match where it is missing, and
// NOT turns that round. A regular expression is RE2's and matches anywhere in the value
// unless anchored.
//
// What keys there are is for the reader of the expression to know. The package knows
// of no store and no protocol.
package filter
