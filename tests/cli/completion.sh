#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What --complete says is what --help says, and the shells make of it what a person expects.
: "${srcdir:=.}" "${builddir:=.}"
srcdir=$(cd "$srcdir" && pwd)
. "$srcdir/tests/cli/tap.sh"
w=$builddir/wfworker
bash=$(command -v bash || :)
zsh=$(command -v zsh || :)
tab=$(printf '\t')

# The candidates, without what they mean.
words() { "$w" --complete "$@" | cut -f1; }
helped() { sed -n "/^$1/,/^\$/p" "$work/help" | sed -n 's/^  \(-[a-z], \)\{0,1\}\(--[a-z][a-z-]*\).*/\2/p'; }

"$w" --help | sed -n '/^Commands:/,/^$/p' | sed -n 's/^  \([a-z][a-z ]*\).*/\1/p' | sed 's/  .*//; s/ *$//' >"$work/commands"
is "there are commands" yes "$([ "$(wc -l <"$work/commands")" -gt 30 ] && echo yes)"
is "the first words are the commands'" "$(cut -d' ' -f1 "$work/commands" | uniq)" "$(words '')"
is "they stand with what they do" "run${tab}run the worker (what wfworker does without a command)" "$("$w" --complete '' | head -n 1)"
for group in $(sed -n 's/ .*//p' "$work/commands" | uniq -d); do
    is "the second words after $group" "$(sed -n "s/^$group //p" "$work/commands")" "$(words "$group" '')"
done
while read -r command; do
    # shellcheck disable=SC2086
    "$w" $command --help >"$work/help"
    # shellcheck disable=SC2086
    is "the options of $command" "$(helped Options: && echo --help && helped Settings,)" "$(words $command --)"
done <"$work/commands"
"$w" --help >"$work/help"
is "without a command it is run, and the global ones" \
    "$("$w" run --help >"$work/help" && helped Options: && echo --help && echo --version && echo --list-plugins && helped Settings,)" "$(words --)"

# Every choice that --help names is a value, and every such value is taken.
"$w" config --help | sed -n '/^Settings,/,$p' | sed -n 's/^  --\([a-z-]*\) \([a-z]*|[a-z|]*\).*/\1 \2/p' >"$work/choices"
is "there are settings with a choice" yes "$([ "$(wc -l <"$work/choices")" -ge 6 ] && echo yes)"
while read -r flag values; do
    is "the values of --$flag" "$(echo "$values" | tr '|' '\n')" "$(words config "--$flag" '')"
    is "the values of --$flag=" "$(echo "$values" | tr '|' '\n')" "$(words config "--$flag=")"
    for value in $(words config "--$flag" ''); do
        run "$w" config "--$flag" "$value"
        is "--$flag takes $value" "0 " "$status $err"
    done
done <"$work/choices"
for format in $(words graph --format ''); do
    run "$w" graph --format "$format" "$srcdir/examples/hello.json"
    is "graph takes --format $format" "0 " "$status $err"
done

is "a file" ":files" "$(words exec '')"
is "a file behind an @" ":at-files" "$(words submit --data '')"
is "a directory" ":directories" "$(words --plugin-dir '')"
is "nothing is known of an execution" "" "$(words show '')"
is "an operand after an option's value" ":files" "$(words exec --start 2026-01-01T00:00:00Z '')"
is "after -- there are no options" "" "$(words show -- -)"
is "no operand after the last one" "" "$(words exec a.json '')"
is "--list-plugins has an option of its own" "--json
--help
--config" "$(words --list-plugins - | head -n 3)"
is "a wrong setting on the line does not matter" "run" "$(words --log-level=loud '' | head -n 1)"
is "an unknown command has no operands" "" "$(words frobnicate x | grep -v : | grep -x frobnicate)"
is "nothing at all" "run" "$("$w" --complete | cut -f1 | head -n 1)"

# Plugins and node types, by the settings that are on the line.
mkdir "$work/plugins" && cp "$builddir/plugins/delay/.libs/delay.so" "$work/plugins" && chmod 755 "$work/plugins/delay.so"
is "plugin inspect: names, files and node types" "delay
:files
delay
wait" "$(words --plugin-dir "$work/plugins" plugin inspect '' | grep -x 'delay\|wait\|:files')"
is "plugin run --node: node types" "delay
wait" "$(words plugin run delay --plugin-dir="$work/plugins" --node '' | grep -x 'delay\|wait\|:files')"
is "plugin run --signal: not node types" "" "$(words plugin run delay --plugin-dir="$work/plugins" --signal '')"
is "plugin run --why" "start
timer
signal
child
scope
answer" "$(words plugin run delay --why '')"
is "plugin new: a name that nobody knows yet" "" "$(words plugin new '')"
is "plugin new --node: a type that nobody knows yet" "" "$(words plugin new acme-hello --node '')"

# ---- bash ----

cat >"$work/ask.bash" <<'END'
source "$1"
bind() { :; }
shift
# ask LINE: what the last word of it can be
ask() {
    local line=$1 word
    COMP_LINE=$line COMP_POINT=${#line} COMP_WORDS=() COMP_CWORD=0 COMPREPLY=()
    # As readline does: blanks separate, and = : are words of their own.
    while IFS= read -r word; do COMP_WORDS+=("$word"); done < <(printf '%s\n' "$line" | sed 's/[=:]/\n&\n/g; s/  */\n/g' | sed '/^$/d')
    [[ $line != *' ' ]] || COMP_WORDS+=('')
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _wfworker
    printf '%s\n' "${COMPREPLY[@]}"
}
for line; do ask "$line"; done
END
bash_says() { "$bash" --norc "$work/ask.bash" "$srcdir/packaging/completion/wfworker.bash" "$@" 2>&1; }
if [ -n "$bash" ]; then
    mkdir sub && : >sub/one.json && : >two.json && : >'three four.json'
    is "bash: the shell's own syntax" "" "$("$bash" -n "$srcdir/packaging/completion/wfworker.bash" 2>&1)"
    is "bash: a command" "validate" "$(bash_says "$w va")"
    is "bash: the second word" "resume
remove
run" "$(bash_says "$w schedule r")"
    is "bash: options" "--limit
--listen
--listen-dsn" "$(bash_says "$w list --li" | sort)"
    is "bash: a value" "json
journal" "$(bash_says "$w config --log-format j")"
    is "bash: a value behind =" "json
journal" "$(bash_says "$w config --log-format=j")"
    is "bash: all values behind =" "auto
text
json
journal
terminal" "$(bash_says "$w config --log-format=")"
    is "bash: a word with a colon is one word" "json
journal" "$(bash_says "$w run --web-listen localhost:8080 --log-format j")"
    is "bash: files" "sub
three four.json
two.json" "$(bash_says "$w exec " | sort)"
    is "bash: files in a directory" "sub/one.json" "$(bash_says "$w exec sub/o")"
    is "bash: a file behind an @" "@two.json" "$(bash_says "$w submit demo --data @tw")"
    is "bash: no file without it" "" "$(bash_says "$w submit demo --data tw")"
    is "bash: directories" "sub" "$(bash_says "$w --plugin-dir ")"
    is "bash: an = that does not separate" "--log-level=debug" "$(COMP_WORDBREAKS=' ' "$bash" --norc -c '
        source "$1"
        COMP_WORDBREAKS=" "
        COMP_LINE="$2 --log-level=d" COMP_WORDS=("$2" --log-level=d) COMP_CWORD=1
        COMP_POINT=${#COMP_LINE}
        _wfworker
        printf "%s\n" "${COMPREPLY[@]}"' bash "$srcdir/packaging/completion/wfworker.bash" "$w" 2>&1)"
    is "bash: a program that does not know --complete" "" "$(bash_says "false ")"
else
    result 0 "bash # SKIP there is no bash"
fi

# ---- zsh ----

# The real thing: an interactive zsh on a terminal of its own, which gets the line and a tab.
cat >"$work/ask.zsh" <<'END'
zmodload zsh/zpty || exit 77
functions_dir=$1 program=$2 keys=$3
ask() {
    local out='' chunk n
    zpty -b z "TERM=dumb zsh -f -i"
    zpty -w z "PS1= PS2=; fpath=($functions_dir \$fpath); path=(${program:h} \$path); autoload -Uz compinit; compinit -u -D; setopt no_list_beep"
    zpty -w z "zstyle ':completion:*' list-grouped no; LISTMAX=1000; stty -echo; bindkey '^X' list-choices"
    zpty -w z "answer() { print -r -- \"<<\$BUFFER>>\"; zle send-break }; zle -N answer; bindkey '^G' answer"
    zpty -w z "print READY"
    for ((n = 0; n < 200; n++)); do
        zpty -r -t z chunk && out+=$chunk
        [[ $out == *READY*READY* || $out == *$'\n'READY* ]] && break
        sleep 0.05
    done
    out=''
    zpty -w -n z "$keys"$'\t\a'
    for ((n = 0; n < 400; n++)); do
        zpty -r -t z chunk && out+=$chunk
        [[ $out == *'>>'* ]] && break
        sleep 0.05
    done
    zpty -d z
    print -r -- "${${out#*<<}%%>>*}"
}
ask
END
zsh_says() { "$zsh" -f "$work/ask.zsh" "$srcdir/packaging/completion" "$w" "$1" 2>&1; }
if [ -n "$zsh" ]; then
    is "zsh: the shell's own syntax" "" "$("$zsh" -n "$srcdir/packaging/completion/_wfworker" 2>&1)"
    is "zsh: a command" "wfworker validate " "$(zsh_says 'wfworker va')"
    is "zsh: the second word" "wfworker workflow add " "$(zsh_says 'wfworker workflow a')"
    is "zsh: an option" "wfworker list --limit " "$(zsh_says 'wfworker list --lim')"
    is "zsh: a value" "wfworker config --log-format terminal " "$(zsh_says 'wfworker config --log-format ter')"
    is "zsh: a value behind =" "wfworker config --log-level=warning " "$(zsh_says 'wfworker config --log-level=w')"
    is "zsh: a file" "wfworker exec two.json " "$(zsh_says 'wfworker exec tw')"
    is "zsh: a file behind an @" "wfworker submit demo --data @two.json " "$(zsh_says 'wfworker submit demo --data @tw')"
else
    result 0 "zsh # SKIP there is no zsh"
fi

finish
