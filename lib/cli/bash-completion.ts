/** The completion script for bash: nothing of the line is expanded or run while it is completed. */
import { PROGRAM } from './program.js';

// Words of the line go to the program as they stand there, quotes included, up to the cursor. An eval of them, as scripts
// of libraries have it, would run a $(...) and empty the file behind a > each time Tab is pressed; compgen -W would
// expand what is offered.
/** For bash from 3.2 on, which needs nothing beside it. */
export const BASH_SCRIPT = `# bash completion for ${PROGRAM}
__nestjs_storage_complete() {
    local IFS=$' \\t\\n' line=\${COMP_LINE:0:COMP_POINT} row before='' tab=$'\\t'
    local -a words
    COMPREPLY=()
    read -r -d '' -a words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=('')
    local current=\${words[\${#words[@]} - 1]}
    # Where = ends a word, as it does unless the user has set it otherwise, only what is behind it is completed.
    [[ $current == -*=* && $COMP_WORDBREAKS != *=* ]] && before=\${current%%=*}=
    while IFS= read -r row; do
        [[ $row == :* ]] || COMPREPLY+=("$before\${row%%"$tab"*}")
    done < <(${PROGRAM} complete -- "\${words[@]:1}" 2>/dev/null </dev/null)
    # A folder is gone on from.
    [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == */ ]] && compopt -o nospace 2>/dev/null
    return 0
}
complete -F __nestjs_storage_complete ${PROGRAM}
`;
