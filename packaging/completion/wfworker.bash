# SPDX-License-Identifier: Apache-2.0
# Completion of wfworker in bash.  Every word is wfworker's own answer: `wfworker --complete WORD...` prints what the last of these
# words can be, one a line and a tab before what it means; a line that begins with a colon asks for names of files.

_wfworker() {
    local word text value prefix='' rest=$COMP_LINE blanks i
    local -a given=()
    COMPREPLY=()
    # bash cuts words at = and :, wfworker does not: what follows without a blank belongs to the word before.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        blanks=${rest%%[![:space:]]*}
        word=${COMP_WORDS[i]}
        if [[ $i -gt 0 && -z $blanks && -n $word ]]; then
            given[${#given[@]} - 1]+=$word
        else
            given+=("$word")
        fi
        rest=${rest:${#blanks}}
        rest=${rest:${#word}}
    done
    value=${given[${#given[@]} - 1]}
    if [[ $value == --*=* ]]; then
        [[ $COMP_WORDBREAKS == *=* ]] || prefix=${value%%=*}=
        value=${value#*=}
    fi
    while IFS=$'\t' read -r word text; do
        case $word in
        :files | :directories)
            compopt -o filenames 2>/dev/null
            [[ $word == :files ]] && i=-f || i=-d
            while IFS= read -r word; do
                COMPREPLY+=("$prefix$word")
            done < <(compgen "$i" -- "$value") ;;
        :at-files)
            [[ $value == @* ]] || continue
            compopt -o nospace 2>/dev/null
            while IFS= read -r word; do
                COMPREPLY+=("$prefix@$word")
            done < <(compgen -f -- "${value#@}") ;;
        *) [[ $word != "$value"* ]] || COMPREPLY+=("$prefix$word") ;;
        esac
    done < <("${COMP_WORDS[0]}" --complete "${given[@]:1}" 2>/dev/null)
}

complete -F _wfworker wfworker
