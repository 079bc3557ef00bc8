# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_holdfast_global_optspecs
    string join \n o/output= context= watch dry-run yes wait timeout= request-id= v/verbose h/help V/version
end

function __fish_holdfast_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_holdfast_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_holdfast_using_subcommand
    set -l cmd (__fish_holdfast_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c holdfast -n "__fish_holdfast_needs_command" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_needs_command" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_needs_command" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_needs_command" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_needs_command" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_needs_command" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_needs_command" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_needs_command" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_needs_command" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_needs_command" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_needs_command" -f -a "up" -d 'Run a whole cluster on this machine'
complete -c holdfast -n "__fish_holdfast_needs_command" -f -a "cluster" -d 'See how the cluster is'
complete -c holdfast -n "__fish_holdfast_needs_command" -f -a "site" -d 'Prepare a new cluster and its machines, away from them'
complete -c holdfast -n "__fish_holdfast_needs_command" -f -a "controller" -d 'Let controllers in, take them out, say who leads'
complete -c holdfast -n "__fish_holdfast_needs_command" -f -a "node" -d 'Look after nodes'
complete -c holdfast -n "__fish_holdfast_needs_command" -f -a "queue" -d 'See where jobs wait'
complete -c holdfast -n "__fish_holdfast_needs_command" -f -a "reservation" -d 'See what nodes are kept for'
complete -c holdfast -n "__fish_holdfast_needs_command" -f -a "scheduler" -d 'See what the scheduler would decide'
complete -c holdfast -n "__fish_holdfast_needs_command" -f -a "job" -d 'Submit jobs and follow them'
complete -c holdfast -n "__fish_holdfast_needs_command" -f -a "dataset" -d 'Bring data in, check it, take it out'
complete -c holdfast -n "__fish_holdfast_needs_command" -f -a "model" -d 'See models and take them out'
complete -c holdfast -n "__fish_holdfast_needs_command" -f -a "image" -d 'Pack programs and bring them in'
complete -c holdfast -n "__fish_holdfast_needs_command" -f -a "release" -d 'Take releases in and bring them to nodes'
complete -c holdfast -n "__fish_holdfast_needs_command" -f -a "policy" -d 'Read the law in force and ask it'
complete -c holdfast -n "__fish_holdfast_needs_command" -f -a "audit" -d 'Read, export and verify the audit log'
complete -c holdfast -n "__fish_holdfast_needs_command" -f -a "event" -d 'See what happened'
complete -c holdfast -n "__fish_holdfast_needs_command" -f -a "apply" -d 'Make what manifests describe'
complete -c holdfast -n "__fish_holdfast_needs_command" -f -a "diff" -d 'Show how manifests differ from the cluster'
complete -c holdfast -n "__fish_holdfast_needs_command" -f -a "delete" -d 'Delete what manifests describe'
complete -c holdfast -n "__fish_holdfast_needs_command" -f -a "doctor" -d 'Check everything from this machine to the agents, with what to type'
complete -c holdfast -n "__fish_holdfast_needs_command" -f -a "support-bundle" -d 'Put what somebody who helps has to know into one encrypted file'
complete -c holdfast -n "__fish_holdfast_needs_command" -f -a "simulate" -d 'Run a trace of jobs on a cluster that is none, and compare policies; works offline'
complete -c holdfast -n "__fish_holdfast_needs_command" -f -a "explain" -d 'Say what an error code means; works offline'
complete -c holdfast -n "__fish_holdfast_needs_command" -f -a "completion" -d 'Print a completion script'
complete -c holdfast -n "__fish_holdfast_needs_command" -f -a "__gen" -d 'Write man pages, completions and the reference of the command line'
complete -c holdfast -n "__fish_holdfast_needs_command" -f -a "__controller" -d 'Run a controller'
complete -c holdfast -n "__fish_holdfast_needs_command" -f -a "__agent" -d 'Run an agent'
complete -c holdfast -n "__fish_holdfast_needs_command" -f -a "__machine" -d 'Run what a machine of the appliance is for'
complete -c holdfast -n "__fish_holdfast_needs_command" -f -a "__verify" -d 'Verify offline'
complete -c holdfast -n "__fish_holdfast_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c holdfast -n "__fish_holdfast_using_subcommand up" -l corpus -d 'The text to train on, for --demo' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand up" -l nodes -d 'How many nodes; three of five are in DE, the others in FR [default: 5]' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand up" -l controllers -d 'How many controllers: 1, 3 or 5 [default: 3]' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand up" -l dir -d 'Where the cluster keeps its state' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand up" -l listen -d 'The first address to listen on; the others follow it. Port 0 takes any free ports [default: 127.0.0.1:7400]' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand up" -l lease -d 'How long a node may be silent before its work goes elsewhere [default: 6s]' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand up" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand up" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand up" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand up" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand up" -l demo -d 'Run the main job from end to end, with the loss of a node in the middle'
complete -c holdfast -n "__fish_holdfast_using_subcommand up" -l fresh -d 'Begin anew: the cluster that is there is put aside as DIR.old-SECONDS-N; one that only a demo made is deleted'
complete -c holdfast -n "__fish_holdfast_using_subcommand up" -l keep -d 'Leave the demo\'s cluster running when it is over'
complete -c holdfast -n "__fish_holdfast_using_subcommand up" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand up" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand up" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand up" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand up" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand up" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand up" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and not __fish_seen_subcommand_from status backup backup-key restore recover help" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and not __fish_seen_subcommand_from status backup backup-key restore recover help" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and not __fish_seen_subcommand_from status backup backup-key restore recover help" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and not __fish_seen_subcommand_from status backup backup-key restore recover help" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and not __fish_seen_subcommand_from status backup backup-key restore recover help" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and not __fish_seen_subcommand_from status backup backup-key restore recover help" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and not __fish_seen_subcommand_from status backup backup-key restore recover help" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and not __fish_seen_subcommand_from status backup backup-key restore recover help" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and not __fish_seen_subcommand_from status backup backup-key restore recover help" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and not __fish_seen_subcommand_from status backup backup-key restore recover help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and not __fish_seen_subcommand_from status backup backup-key restore recover help" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and not __fish_seen_subcommand_from status backup backup-key restore recover help" -f -a "status" -d 'What needs attention and what to type, then how everything is'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and not __fish_seen_subcommand_from status backup backup-key restore recover help" -f -a "backup" -d 'Write everything the cluster needs to begin again, encrypted to the backup keys'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and not __fish_seen_subcommand_from status backup backup-key restore recover help" -f -a "backup-key" -d 'Make a key that backups are encrypted to, or see and change which keys those are'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and not __fish_seen_subcommand_from status backup backup-key restore recover help" -f -a "restore" -d 'Begin the cluster again from a backup, on this machine'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and not __fish_seen_subcommand_from status backup backup-key restore recover help" -f -a "recover" -d 'Go on with one controller when the majority of them is lost for good'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and not __fish_seen_subcommand_from status backup backup-key restore recover help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from status" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from status" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from status" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from status" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from status" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from status" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from status" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from status" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from status" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from status" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from backup" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from backup" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from backup" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from backup" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from backup" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from backup" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from backup" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from backup" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from backup" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from backup" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from backup" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from backup" -a "verify" -d 'Prove a backup, offline: with the key all of its content, without it that it is whole and unchanged'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from backup" -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from backup-key" -l out -d 'Make a key, write it here, and have backups encrypted to it' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from backup-key" -l add -d 'Have backups encrypted to this public half as well' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from backup-key" -l remove -d 'Encrypt no more backups to the key of this fingerprint' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from backup-key" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from backup-key" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from backup-key" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from backup-key" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from backup-key" -l offline -d 'Only make it; print its public half for `--add`'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from backup-key" -l list -d 'List the keys that backups are encrypted to'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from backup-key" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from backup-key" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from backup-key" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from backup-key" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from backup-key" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from backup-key" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from backup-key" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from restore" -l key -d 'The key that opens it' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from restore" -l name -d 'The name of the first controller' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from restore" -l address -d 'Where the others, agents and people reach it' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from restore" -l directory -d 'Where it keeps everything; empty or not there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from restore" -l listen -d 'What it listens on; the address where not given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from restore" -l cluster -d 'The id of the cluster that is meant, where it is not the one of the context' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from restore" -l incarnation -d 'The incarnation to begin, where it has to be a certain one; one that nobody else begins where not given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from restore" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from restore" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from restore" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from restore" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from restore" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from restore" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from restore" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from restore" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from restore" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from restore" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from restore" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from recover" -l from-snapshot -d 'Make it the only controller with the state of this backup: what happened since is lost' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from recover" -l key -d 'The key that opens the backup; it stays on this machine' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from recover" -l server -d 'The controller, which runs and has no quorum; nobody needs its disk' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from recover" -l lost -d 'Another controller, which is given up for good; all of them are to be named' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from recover" -l directory -d 'The directory of the controller, which does not run' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from recover" -l address -d 'Where it is reached from now on, where that changes' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from recover" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from recover" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from recover" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from recover" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from recover" -l force-single -d 'Make it the only controller: what it does not have is lost'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from recover" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from recover" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from recover" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from recover" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from recover" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from recover" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from recover" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from help" -f -a "status" -d 'What needs attention and what to type, then how everything is'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from help" -f -a "backup" -d 'Write everything the cluster needs to begin again, encrypted to the backup keys'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from help" -f -a "backup-key" -d 'Make a key that backups are encrypted to, or see and change which keys those are'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from help" -f -a "restore" -d 'Begin the cluster again from a backup, on this machine'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from help" -f -a "recover" -d 'Go on with one controller when the majority of them is lost for good'
complete -c holdfast -n "__fish_holdfast_using_subcommand cluster; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and not __fish_seen_subcommand_from init volume inspect install help" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and not __fish_seen_subcommand_from init volume inspect install help" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and not __fish_seen_subcommand_from init volume inspect install help" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and not __fish_seen_subcommand_from init volume inspect install help" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and not __fish_seen_subcommand_from init volume inspect install help" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and not __fish_seen_subcommand_from init volume inspect install help" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and not __fish_seen_subcommand_from init volume inspect install help" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and not __fish_seen_subcommand_from init volume inspect install help" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and not __fish_seen_subcommand_from init volume inspect install help" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and not __fish_seen_subcommand_from init volume inspect install help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and not __fish_seen_subcommand_from init volume inspect install help" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and not __fish_seen_subcommand_from init volume inspect install help" -f -a "init" -d 'Found a cluster: its CA, its law, its first controllers and its first operator'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and not __fish_seen_subcommand_from init volume inspect install help" -f -a "volume" -d 'Write the volume that makes a blank machine a part of the cluster'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and not __fish_seen_subcommand_from init volume inspect install help" -f -a "inspect" -d 'See what a machine has that waits for its configuration'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and not __fish_seen_subcommand_from init volume inspect install help" -f -a "install" -d 'Install a machine that waits for its configuration, from here'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and not __fish_seen_subcommand_from init volume inspect install help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from init" -l name -d 'The name of the cluster' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from init" -l controller -d 'A first controller: its name, and where everybody reaches it. Give 1, 3 or 5' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from init" -l jurisdiction -d 'Where its machines stand; each gets a CA of its own' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from init" -l law -d 'The directory with `law.toml` and `tenant.cedar`; an example where not given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from init" -l operator -d 'The name of the first operator' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from init" -l lease -d 'How long a node may be silent before its work is given to others' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from init" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from init" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from init" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from init" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from init" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from init" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from init" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from init" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from init" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from init" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from init" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from volume" -l admission -d 'What lets it in: of `site init`, of `controller add --out`, or the token of `node token`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from volume" -l out -d 'Where the image goes; it must not be there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from volume" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from volume" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from volume" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from volume" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from volume" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from volume" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from volume" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from volume" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from volume" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from volume" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from volume" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from inspect" -l address -d 'Where it listens, as its console shows it' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from inspect" -l fingerprint -d 'The fingerprint that its console shows: who presents another is told nothing' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from inspect" -l code-file -d 'A file with the code that its console shows; where not given it is asked for' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from inspect" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from inspect" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from inspect" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from inspect" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from inspect" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from inspect" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from inspect" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from inspect" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from inspect" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from inspect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from inspect" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from install" -l admission -d 'What lets it in: of `site init`, of `controller add --out`, or the token of `node token`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from install" -l address -d 'Where it listens, as its console shows it' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from install" -l fingerprint -d 'The fingerprint that its console shows: who presents another is told nothing' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from install" -l code-file -d 'A file with the code that its console shows; where not given it is asked for' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from install" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from install" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from install" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from install" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from install" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from install" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from install" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from install" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from install" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from install" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from install" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from help" -f -a "init" -d 'Found a cluster: its CA, its law, its first controllers and its first operator'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from help" -f -a "volume" -d 'Write the volume that makes a blank machine a part of the cluster'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from help" -f -a "inspect" -d 'See what a machine has that waits for its configuration'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from help" -f -a "install" -d 'Install a machine that waits for its configuration, from here'
complete -c holdfast -n "__fish_holdfast_using_subcommand site; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and not __fish_seen_subcommand_from list add replace join remove transfer run help" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and not __fish_seen_subcommand_from list add replace join remove transfer run help" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and not __fish_seen_subcommand_from list add replace join remove transfer run help" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and not __fish_seen_subcommand_from list add replace join remove transfer run help" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and not __fish_seen_subcommand_from list add replace join remove transfer run help" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and not __fish_seen_subcommand_from list add replace join remove transfer run help" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and not __fish_seen_subcommand_from list add replace join remove transfer run help" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and not __fish_seen_subcommand_from list add replace join remove transfer run help" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and not __fish_seen_subcommand_from list add replace join remove transfer run help" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and not __fish_seen_subcommand_from list add replace join remove transfer run help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and not __fish_seen_subcommand_from list add replace join remove transfer run help" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and not __fish_seen_subcommand_from list add replace join remove transfer run help" -f -a "list" -d 'List controllers, those that are only admitted among them'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and not __fish_seen_subcommand_from list add replace join remove transfer run help" -f -a "add" -d 'Let one more controller in'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and not __fish_seen_subcommand_from list add replace join remove transfer run help" -f -a "replace" -d 'Let a controller in that takes the place of another, dead or alive'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and not __fish_seen_subcommand_from list add replace join remove transfer run help" -f -a "join" -d 'Make this machine the controller that was admitted'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and not __fish_seen_subcommand_from list add replace join remove transfer run help" -f -a "remove" -d 'Take a controller out for good, dead or alive'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and not __fish_seen_subcommand_from list add replace join remove transfer run help" -f -a "transfer" -d 'Let another controller lead, before work on the machine of the one that leads'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and not __fish_seen_subcommand_from list add replace join remove transfer run help" -f -a "run" -d 'Run a controller in the foreground'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and not __fish_seen_subcommand_from list add replace join remove transfer run help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from list" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from list" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from list" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from list" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from list" -l save-context -d 'Write the addresses into the context file'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from list" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from list" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from list" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from list" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from add" -l address -d 'Where the others, agents and people reach it' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from add" -l directory -d 'Prepare it on this machine, in a directory of its own' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from add" -l out -d 'Write what its machine needs for `holdfast controller join`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from add" -l listen -d 'What it listens on; the address where not given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from add" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from add" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from add" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from add" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from add" -l witness -d 'Refused, with the reason: every controller keeps the whole state'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from add" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from add" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from add" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from add" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from add" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from replace" -l with -d 'The name of the one that comes' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from replace" -l address -d 'Where the others, agents and people reach it' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from replace" -l directory -d 'Prepare it on this machine, in a directory of its own' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from replace" -l out -d 'Write what its machine needs for `holdfast controller join`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from replace" -l listen -d 'What it listens on; the address where not given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from replace" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from replace" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from replace" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from replace" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from replace" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from replace" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from replace" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from replace" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from replace" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from replace" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from replace" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from join" -l directory -d 'Where the controller keeps everything' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from join" -l listen -d 'What it listens on; its address where not given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from join" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from join" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from join" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from join" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from join" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from join" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from join" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from join" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from join" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from join" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from join" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from remove" -l reason -d 'Why; it is recorded' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from remove" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from remove" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from remove" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from remove" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from remove" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from remove" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from remove" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from remove" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from remove" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from transfer" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from transfer" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from transfer" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from transfer" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from transfer" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from transfer" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from transfer" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from transfer" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from transfer" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from transfer" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from transfer" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from run" -l directory -d 'Its directory' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from run" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from run" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from run" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from run" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from run" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from run" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from run" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from run" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from run" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from run" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from help" -f -a "list" -d 'List controllers, those that are only admitted among them'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from help" -f -a "add" -d 'Let one more controller in'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from help" -f -a "replace" -d 'Let a controller in that takes the place of another, dead or alive'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from help" -f -a "join" -d 'Make this machine the controller that was admitted'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from help" -f -a "remove" -d 'Take a controller out for good, dead or alive'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from help" -f -a "transfer" -d 'Let another controller lead, before work on the machine of the one that leads'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from help" -f -a "run" -d 'Run a controller in the foreground'
complete -c holdfast -n "__fish_holdfast_using_subcommand controller; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and not __fish_seen_subcommand_from list show drain cordon uncordon approve retire reset place token help" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and not __fish_seen_subcommand_from list show drain cordon uncordon approve retire reset place token help" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and not __fish_seen_subcommand_from list show drain cordon uncordon approve retire reset place token help" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and not __fish_seen_subcommand_from list show drain cordon uncordon approve retire reset place token help" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and not __fish_seen_subcommand_from list show drain cordon uncordon approve retire reset place token help" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and not __fish_seen_subcommand_from list show drain cordon uncordon approve retire reset place token help" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and not __fish_seen_subcommand_from list show drain cordon uncordon approve retire reset place token help" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and not __fish_seen_subcommand_from list show drain cordon uncordon approve retire reset place token help" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and not __fish_seen_subcommand_from list show drain cordon uncordon approve retire reset place token help" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and not __fish_seen_subcommand_from list show drain cordon uncordon approve retire reset place token help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and not __fish_seen_subcommand_from list show drain cordon uncordon approve retire reset place token help" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and not __fish_seen_subcommand_from list show drain cordon uncordon approve retire reset place token help" -f -a "list" -d 'List nodes'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and not __fish_seen_subcommand_from list show drain cordon uncordon approve retire reset place token help" -f -a "show" -d 'Show one node with its devices'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and not __fish_seen_subcommand_from list show drain cordon uncordon approve retire reset place token help" -f -a "drain" -d 'Take no new work and move what runs elsewhere'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and not __fish_seen_subcommand_from list show drain cordon uncordon approve retire reset place token help" -f -a "cordon" -d 'Take no new work'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and not __fish_seen_subcommand_from list show drain cordon uncordon approve retire reset place token help" -f -a "uncordon" -d 'Take work again, after a cordon or a drain'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and not __fish_seen_subcommand_from list show drain cordon uncordon approve retire reset place token help" -f -a "approve" -d 'Let a pending node in'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and not __fish_seen_subcommand_from list show drain cordon uncordon approve retire reset place token help" -f -a "retire" -d 'End a node for good: its certificate is revoked'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and not __fish_seen_subcommand_from list show drain cordon uncordon approve retire reset place token help" -f -a "reset" -d 'Have a machine erase what it keeps, and end its node for good'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and not __fish_seen_subcommand_from list show drain cordon uncordon approve retire reset place token help" -f -a "place" -d 'Say where nodes stand: in which hall, row, rack, below which leaf switch, in which NVLink domain'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and not __fish_seen_subcommand_from list show drain cordon uncordon approve retire reset place token help" -f -a "token" -d 'Make a one-time token with which a machine joins; it is shown once'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and not __fish_seen_subcommand_from list show drain cordon uncordon approve retire reset place token help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from list" -s l -l selector -d 'Only those with these labels: `key=value`, `key!=value`, `key in (a,b)`, `!key`; separated by commas' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from list" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from list" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from list" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from list" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from list" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from list" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from list" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from list" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from show" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from show" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from show" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from show" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from show" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from show" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from show" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from show" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from drain" -l reason -d 'Why; it is recorded' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from drain" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from drain" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from drain" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from drain" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from drain" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from drain" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from drain" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from drain" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from drain" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from drain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from drain" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from cordon" -l reason -d 'Why; it is recorded' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from cordon" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from cordon" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from cordon" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from cordon" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from cordon" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from cordon" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from cordon" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from cordon" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from cordon" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from cordon" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from cordon" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from uncordon" -l reason -d 'Why; it is recorded' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from uncordon" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from uncordon" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from uncordon" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from uncordon" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from uncordon" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from uncordon" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from uncordon" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from uncordon" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from uncordon" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from uncordon" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from uncordon" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from approve" -l reason -d 'Why; it is recorded' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from approve" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from approve" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from approve" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from approve" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from approve" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from approve" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from approve" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from approve" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from approve" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from approve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from approve" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from retire" -l reason -d 'Why; it is recorded' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from retire" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from retire" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from retire" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from retire" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from retire" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from retire" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from retire" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from retire" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from retire" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from retire" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from retire" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from reset" -l reason -d 'Why; it is recorded' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from reset" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from reset" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from reset" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from reset" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from reset" -l force -d 'Even where tasks run on it or it has the only copy of something'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from reset" -l keep-data -d 'Erase only who it is: keys, configuration, the log of a controller. What it stores stays on its disk'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from reset" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from reset" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from reset" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from reset" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from reset" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from reset" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from reset" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from place" -l hall -d 'The room of the site' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from place" -l row -d 'The row of racks' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from place" -l rack -d 'The rack' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from place" -l leaf -d 'The leaf switch' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from place" -l nvlink -d 'The domain within which accelerators reach each other\'s memory' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from place" -l reason -d 'Why; it is recorded' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from place" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from place" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from place" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from place" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from place" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from place" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from place" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from place" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from place" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from place" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from place" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from token" -l jurisdiction -d 'The jurisdiction whose CA will issue the certificate' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from token" -l site -d 'Where the machine stands' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from token" -l valid -d 'How long it may be used, at most `1h`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from token" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from token" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from token" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from token" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from token" -l approve -d 'Let the node in without asking again'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from token" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from token" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from token" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from token" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from token" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from token" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from token" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from help" -f -a "list" -d 'List nodes'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show one node with its devices'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from help" -f -a "drain" -d 'Take no new work and move what runs elsewhere'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from help" -f -a "cordon" -d 'Take no new work'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from help" -f -a "uncordon" -d 'Take work again, after a cordon or a drain'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from help" -f -a "approve" -d 'Let a pending node in'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from help" -f -a "retire" -d 'End a node for good: its certificate is revoked'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from help" -f -a "reset" -d 'Have a machine erase what it keeps, and end its node for good'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from help" -f -a "place" -d 'Say where nodes stand: in which hall, row, rack, below which leaf switch, in which NVLink domain'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from help" -f -a "token" -d 'Make a one-time token with which a machine joins; it is shown once'
complete -c holdfast -n "__fish_holdfast_using_subcommand node; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and not __fish_seen_subcommand_from list show explain help" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and not __fish_seen_subcommand_from list show explain help" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and not __fish_seen_subcommand_from list show explain help" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and not __fish_seen_subcommand_from list show explain help" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and not __fish_seen_subcommand_from list show explain help" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and not __fish_seen_subcommand_from list show explain help" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and not __fish_seen_subcommand_from list show explain help" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and not __fish_seen_subcommand_from list show explain help" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and not __fish_seen_subcommand_from list show explain help" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and not __fish_seen_subcommand_from list show explain help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and not __fish_seen_subcommand_from list show explain help" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and not __fish_seen_subcommand_from list show explain help" -f -a "list" -d 'List the queues'
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and not __fish_seen_subcommand_from list show explain help" -f -a "show" -d 'Show one queue'
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and not __fish_seen_subcommand_from list show explain help" -f -a "explain" -d 'Say what a queue has and may take, whose turn it is, and who is next in it'
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and not __fish_seen_subcommand_from list show explain help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and __fish_seen_subcommand_from list" -s l -l selector -d 'Only those with these labels: `key=value`, `key!=value`, `key in (a,b)`, `!key`; separated by commas' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and __fish_seen_subcommand_from list" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and __fish_seen_subcommand_from list" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and __fish_seen_subcommand_from list" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and __fish_seen_subcommand_from list" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and __fish_seen_subcommand_from list" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and __fish_seen_subcommand_from list" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and __fish_seen_subcommand_from list" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and __fish_seen_subcommand_from list" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and __fish_seen_subcommand_from show" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and __fish_seen_subcommand_from show" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and __fish_seen_subcommand_from show" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and __fish_seen_subcommand_from show" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and __fish_seen_subcommand_from show" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and __fish_seen_subcommand_from show" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and __fish_seen_subcommand_from show" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and __fish_seen_subcommand_from show" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and __fish_seen_subcommand_from explain" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and __fish_seen_subcommand_from explain" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and __fish_seen_subcommand_from explain" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and __fish_seen_subcommand_from explain" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and __fish_seen_subcommand_from explain" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and __fish_seen_subcommand_from explain" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and __fish_seen_subcommand_from explain" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and __fish_seen_subcommand_from explain" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and __fish_seen_subcommand_from explain" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and __fish_seen_subcommand_from explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and __fish_seen_subcommand_from explain" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the queues'
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show one queue'
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and __fish_seen_subcommand_from help" -f -a "explain" -d 'Say what a queue has and may take, whose turn it is, and who is next in it'
complete -c holdfast -n "__fish_holdfast_using_subcommand queue; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and not __fish_seen_subcommand_from list show delete help" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and not __fish_seen_subcommand_from list show delete help" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and not __fish_seen_subcommand_from list show delete help" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and not __fish_seen_subcommand_from list show delete help" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and not __fish_seen_subcommand_from list show delete help" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and not __fish_seen_subcommand_from list show delete help" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and not __fish_seen_subcommand_from list show delete help" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and not __fish_seen_subcommand_from list show delete help" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and not __fish_seen_subcommand_from list show delete help" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and not __fish_seen_subcommand_from list show delete help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and not __fish_seen_subcommand_from list show delete help" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and not __fish_seen_subcommand_from list show delete help" -f -a "list" -d 'List the reservations'
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and not __fish_seen_subcommand_from list show delete help" -f -a "show" -d 'Show one reservation, its nodes, and who is in its way'
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and not __fish_seen_subcommand_from list show delete help" -f -a "delete" -d 'Delete a reservation: its nodes are everybody\'s again'
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and not __fish_seen_subcommand_from list show delete help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and __fish_seen_subcommand_from list" -s l -l selector -d 'Only those with these labels: `key=value`, `key!=value`, `key in (a,b)`, `!key`; separated by commas' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and __fish_seen_subcommand_from list" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and __fish_seen_subcommand_from list" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and __fish_seen_subcommand_from list" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and __fish_seen_subcommand_from list" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and __fish_seen_subcommand_from list" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and __fish_seen_subcommand_from list" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and __fish_seen_subcommand_from list" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and __fish_seen_subcommand_from list" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and __fish_seen_subcommand_from show" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and __fish_seen_subcommand_from show" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and __fish_seen_subcommand_from show" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and __fish_seen_subcommand_from show" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and __fish_seen_subcommand_from show" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and __fish_seen_subcommand_from show" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and __fish_seen_subcommand_from show" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and __fish_seen_subcommand_from show" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and __fish_seen_subcommand_from delete" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and __fish_seen_subcommand_from delete" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and __fish_seen_subcommand_from delete" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and __fish_seen_subcommand_from delete" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and __fish_seen_subcommand_from delete" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and __fish_seen_subcommand_from delete" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and __fish_seen_subcommand_from delete" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and __fish_seen_subcommand_from delete" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and __fish_seen_subcommand_from delete" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and __fish_seen_subcommand_from delete" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the reservations'
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show one reservation, its nodes, and who is in its way'
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and __fish_seen_subcommand_from help" -f -a "delete" -d 'Delete a reservation: its nodes are everybody\'s again'
complete -c holdfast -n "__fish_holdfast_using_subcommand reservation; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and not __fish_seen_subcommand_from what-if replay help" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and not __fish_seen_subcommand_from what-if replay help" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and not __fish_seen_subcommand_from what-if replay help" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and not __fish_seen_subcommand_from what-if replay help" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and not __fish_seen_subcommand_from what-if replay help" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and not __fish_seen_subcommand_from what-if replay help" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and not __fish_seen_subcommand_from what-if replay help" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and not __fish_seen_subcommand_from what-if replay help" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and not __fish_seen_subcommand_from what-if replay help" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and not __fish_seen_subcommand_from what-if replay help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and not __fish_seen_subcommand_from what-if replay help" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and not __fish_seen_subcommand_from what-if replay help" -f -a "what-if" -d 'Show what changes would lead to, without making them'
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and not __fish_seen_subcommand_from what-if replay help" -f -a "replay" -d 'Decide committed plans once more, and hold the outcome against what was committed'
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and not __fish_seen_subcommand_from what-if replay help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and __fish_seen_subcommand_from what-if" -s f -l file -d 'Queues, reservations and jobs as if they were applied' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and __fish_seen_subcommand_from what-if" -l drain -d 'A node, or all of a domain, such as `rack=r7`, as if it were drained' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and __fish_seen_subcommand_from what-if" -l uncordon -d 'A node as if it took work again' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and __fish_seen_subcommand_from what-if" -l more -d 'So many nodes more that are like one, as if they were there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and __fish_seen_subcommand_from what-if" -l cancel -d 'A job as if it were cancelled' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and __fish_seen_subcommand_from what-if" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and __fish_seen_subcommand_from what-if" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and __fish_seen_subcommand_from what-if" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and __fish_seen_subcommand_from what-if" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and __fish_seen_subcommand_from what-if" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and __fish_seen_subcommand_from what-if" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and __fish_seen_subcommand_from what-if" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and __fish_seen_subcommand_from what-if" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and __fish_seen_subcommand_from what-if" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and __fish_seen_subcommand_from what-if" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and __fish_seen_subcommand_from what-if" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and __fish_seen_subcommand_from replay" -l revision -d 'Only the plan that was committed at this revision, or the last one before it' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and __fish_seen_subcommand_from replay" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and __fish_seen_subcommand_from replay" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and __fish_seen_subcommand_from replay" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and __fish_seen_subcommand_from replay" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and __fish_seen_subcommand_from replay" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and __fish_seen_subcommand_from replay" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and __fish_seen_subcommand_from replay" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and __fish_seen_subcommand_from replay" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and __fish_seen_subcommand_from replay" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and __fish_seen_subcommand_from replay" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and __fish_seen_subcommand_from replay" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and __fish_seen_subcommand_from help" -f -a "what-if" -d 'Show what changes would lead to, without making them'
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and __fish_seen_subcommand_from help" -f -a "replay" -d 'Decide committed plans once more, and hold the outcome against what was committed'
complete -c holdfast -n "__fish_holdfast_using_subcommand scheduler; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and not __fish_seen_subcommand_from submit list show explain logs cancel wait delete help" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and not __fish_seen_subcommand_from submit list show explain logs cancel wait delete help" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and not __fish_seen_subcommand_from submit list show explain logs cancel wait delete help" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and not __fish_seen_subcommand_from submit list show explain logs cancel wait delete help" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and not __fish_seen_subcommand_from submit list show explain logs cancel wait delete help" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and not __fish_seen_subcommand_from submit list show explain logs cancel wait delete help" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and not __fish_seen_subcommand_from submit list show explain logs cancel wait delete help" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and not __fish_seen_subcommand_from submit list show explain logs cancel wait delete help" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and not __fish_seen_subcommand_from submit list show explain logs cancel wait delete help" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and not __fish_seen_subcommand_from submit list show explain logs cancel wait delete help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and not __fish_seen_subcommand_from submit list show explain logs cancel wait delete help" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and not __fish_seen_subcommand_from submit list show explain logs cancel wait delete help" -f -a "submit" -d 'Submit a job'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and not __fish_seen_subcommand_from submit list show explain logs cancel wait delete help" -f -a "list" -d 'List jobs'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and not __fish_seen_subcommand_from submit list show explain logs cancel wait delete help" -f -a "show" -d 'Show one job with its tasks'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and not __fish_seen_subcommand_from submit list show explain logs cancel wait delete help" -f -a "explain" -d 'Say why a job is where it is'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and not __fish_seen_subcommand_from submit list show explain logs cancel wait delete help" -f -a "logs" -d 'Print what a task has written'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and not __fish_seen_subcommand_from submit list show explain logs cancel wait delete help" -f -a "cancel" -d 'Stop a job for good'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and not __fish_seen_subcommand_from submit list show explain logs cancel wait delete help" -f -a "wait" -d 'Return when a job has ended'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and not __fish_seen_subcommand_from submit list show explain logs cancel wait delete help" -f -a "delete" -d 'Forget a job that has ended'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and not __fish_seen_subcommand_from submit list show explain logs cancel wait delete help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from submit" -s f -l file -d 'The manifest; `-` for standard input' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from submit" -l name -d 'A name in place of the manifest\'s' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from submit" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from submit" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from submit" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from submit" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from submit" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from submit" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from submit" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from submit" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from submit" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from submit" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from submit" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from list" -l queue -d 'Only of this queue' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from list" -l phase -d 'Only in this phase' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from list" -l array -d 'The elements of this array that were started, instead of the jobs that are no elements' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from list" -s l -l selector -d 'Only those with these labels: `key=value`, `key!=value`, `key in (a,b)`, `!key`; separated by commas' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from list" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from list" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from list" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from list" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from list" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from list" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from list" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from list" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from show" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from show" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from show" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from show" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from show" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from show" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from show" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from show" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from explain" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from explain" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from explain" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from explain" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from explain" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from explain" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from explain" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from explain" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from explain" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from explain" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from logs" -l rank -d 'The task' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from logs" -l tail -d 'At most the last of it, such as `64KiB`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from logs" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from logs" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from logs" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from logs" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from logs" -s f -l follow -d 'Keep printing until the task ends'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from logs" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from logs" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from logs" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from logs" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from logs" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from logs" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from logs" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from cancel" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from cancel" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from cancel" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from cancel" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from cancel" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from cancel" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from cancel" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from cancel" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from cancel" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from cancel" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from cancel" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from wait" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from wait" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from wait" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from wait" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from wait" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from wait" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from wait" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from wait" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from wait" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from wait" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from wait" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from delete" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from delete" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from delete" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from delete" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from delete" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from delete" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from delete" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from delete" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from delete" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from delete" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from help" -f -a "submit" -d 'Submit a job'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from help" -f -a "list" -d 'List jobs'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show one job with its tasks'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from help" -f -a "explain" -d 'Say why a job is where it is'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from help" -f -a "logs" -d 'Print what a task has written'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from help" -f -a "cancel" -d 'Stop a job for good'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from help" -f -a "wait" -d 'Return when a job has ended'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from help" -f -a "delete" -d 'Forget a job that has ended'
complete -c holdfast -n "__fish_holdfast_using_subcommand job; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and not __fish_seen_subcommand_from import list show verify export help" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and not __fish_seen_subcommand_from import list show verify export help" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and not __fish_seen_subcommand_from import list show verify export help" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and not __fish_seen_subcommand_from import list show verify export help" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and not __fish_seen_subcommand_from import list show verify export help" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and not __fish_seen_subcommand_from import list show verify export help" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and not __fish_seen_subcommand_from import list show verify export help" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and not __fish_seen_subcommand_from import list show verify export help" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and not __fish_seen_subcommand_from import list show verify export help" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and not __fish_seen_subcommand_from import list show verify export help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and not __fish_seen_subcommand_from import list show verify export help" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and not __fish_seen_subcommand_from import list show verify export help" -f -a "import" -d 'Bring a directory in as a dataset'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and not __fish_seen_subcommand_from import list show verify export help" -f -a "list" -d 'List datasets'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and not __fish_seen_subcommand_from import list show verify export help" -f -a "show" -d 'Show one version of a dataset with its label'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and not __fish_seen_subcommand_from import list show verify export help" -f -a "verify" -d 'Have every node that keeps a copy read and hash all of it'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and not __fish_seen_subcommand_from import list show verify export help" -f -a "export" -d 'Take a dataset out of the cluster'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and not __fish_seen_subcommand_from import list show verify export help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from import" -l label -d 'Classification, such as `personal`, separated by commas' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from import" -l residency -d 'The jurisdictions where the bytes may be kept and used, such as `DE,FR`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from import" -l purpose -d 'What it may be used for, such as `research`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from import" -l level -d 'The clearance needed, 0 for none' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from import" -l tenant -d 'Whose it is' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from import" -l copies -d 'How many nodes should have it' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from import" -l staging -d 'Where the bytes are kept while they are hashed and sent; needs as much room as they have' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from import" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from import" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from import" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from import" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from import" -l new-version -d 'Add a version to what has this name already'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from import" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from import" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from import" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from import" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from import" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from import" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from list" -s l -l selector -d 'Only those with these labels: `key=value`, `key!=value`, `key in (a,b)`, `!key`; separated by commas' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from list" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from list" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from list" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from list" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from list" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from list" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from list" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from list" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from show" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from show" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from show" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from show" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from show" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from show" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from show" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from show" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from verify" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from verify" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from verify" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from verify" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from verify" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from verify" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from verify" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from verify" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from verify" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from verify" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from export" -l to -d 'The jurisdiction the bytes are taken to: the one this machine is in' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from export" -l basis -d 'The legal basis, where the data leaves its residency' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from export" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from export" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from export" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from export" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from export" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from export" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from export" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from export" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from export" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from export" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from help" -f -a "import" -d 'Bring a directory in as a dataset'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from help" -f -a "list" -d 'List datasets'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show one version of a dataset with its label'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from help" -f -a "verify" -d 'Have every node that keeps a copy read and hash all of it'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from help" -f -a "export" -d 'Take a dataset out of the cluster'
complete -c holdfast -n "__fish_holdfast_using_subcommand dataset; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and not __fish_seen_subcommand_from list show export help" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and not __fish_seen_subcommand_from list show export help" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and not __fish_seen_subcommand_from list show export help" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and not __fish_seen_subcommand_from list show export help" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and not __fish_seen_subcommand_from list show export help" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and not __fish_seen_subcommand_from list show export help" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and not __fish_seen_subcommand_from list show export help" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and not __fish_seen_subcommand_from list show export help" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and not __fish_seen_subcommand_from list show export help" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and not __fish_seen_subcommand_from list show export help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and not __fish_seen_subcommand_from list show export help" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and not __fish_seen_subcommand_from list show export help" -f -a "list" -d 'List models'
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and not __fish_seen_subcommand_from list show export help" -f -a "show" -d 'Show one version of a model with what it was made of'
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and not __fish_seen_subcommand_from list show export help" -f -a "export" -d 'Take a model out of the cluster'
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and not __fish_seen_subcommand_from list show export help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and __fish_seen_subcommand_from list" -s l -l selector -d 'Only those with these labels: `key=value`, `key!=value`, `key in (a,b)`, `!key`; separated by commas' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and __fish_seen_subcommand_from list" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and __fish_seen_subcommand_from list" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and __fish_seen_subcommand_from list" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and __fish_seen_subcommand_from list" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and __fish_seen_subcommand_from list" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and __fish_seen_subcommand_from list" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and __fish_seen_subcommand_from list" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and __fish_seen_subcommand_from list" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and __fish_seen_subcommand_from show" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and __fish_seen_subcommand_from show" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and __fish_seen_subcommand_from show" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and __fish_seen_subcommand_from show" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and __fish_seen_subcommand_from show" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and __fish_seen_subcommand_from show" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and __fish_seen_subcommand_from show" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and __fish_seen_subcommand_from show" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and __fish_seen_subcommand_from export" -l to -d 'The jurisdiction the bytes are taken to: the one this machine is in' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and __fish_seen_subcommand_from export" -l basis -d 'The legal basis, where the data leaves its residency' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and __fish_seen_subcommand_from export" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and __fish_seen_subcommand_from export" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and __fish_seen_subcommand_from export" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and __fish_seen_subcommand_from export" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and __fish_seen_subcommand_from export" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and __fish_seen_subcommand_from export" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and __fish_seen_subcommand_from export" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and __fish_seen_subcommand_from export" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and __fish_seen_subcommand_from export" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and __fish_seen_subcommand_from export" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and __fish_seen_subcommand_from help" -f -a "list" -d 'List models'
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show one version of a model with what it was made of'
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and __fish_seen_subcommand_from help" -f -a "export" -d 'Take a model out of the cluster'
complete -c holdfast -n "__fish_holdfast_using_subcommand model; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and not __fish_seen_subcommand_from pack import list show help" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and not __fish_seen_subcommand_from pack import list show help" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and not __fish_seen_subcommand_from pack import list show help" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and not __fish_seen_subcommand_from pack import list show help" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and not __fish_seen_subcommand_from pack import list show help" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and not __fish_seen_subcommand_from pack import list show help" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and not __fish_seen_subcommand_from pack import list show help" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and not __fish_seen_subcommand_from pack import list show help" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and not __fish_seen_subcommand_from pack import list show help" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and not __fish_seen_subcommand_from pack import list show help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and not __fish_seen_subcommand_from pack import list show help" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and not __fish_seen_subcommand_from pack import list show help" -f -a "pack" -d 'Pack a program and the libraries it needs into an OCI archive'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and not __fish_seen_subcommand_from pack import list show help" -f -a "import" -d 'Bring an OCI archive in'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and not __fish_seen_subcommand_from pack import list show help" -f -a "list" -d 'List images'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and not __fish_seen_subcommand_from pack import list show help" -f -a "show" -d 'Show one version of an image'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and not __fish_seen_subcommand_from pack import list show help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from pack" -l binary -d 'The program' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from pack" -l out -d 'The archive to write' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from pack" -l arg -d 'An argument of the program in the entry point; may be given more than once' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from pack" -l file -d 'Another file: its path in the image, and the file here; may be given more than once' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from pack" -l env -d 'A variable of the environment; may be given more than once' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from pack" -l workdir -d 'The directory the program starts in' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from pack" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from pack" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from pack" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from pack" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from pack" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from pack" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from pack" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from pack" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from pack" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from pack" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from pack" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from import" -l label -d 'Classification, such as `personal`, separated by commas' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from import" -l residency -d 'The jurisdictions where the bytes may be kept and used, such as `DE,FR`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from import" -l purpose -d 'What it may be used for, such as `research`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from import" -l level -d 'The clearance needed, 0 for none' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from import" -l tenant -d 'Whose it is' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from import" -l copies -d 'How many nodes should have it' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from import" -l staging -d 'Where the bytes are kept while they are hashed and sent; needs as much room as they have' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from import" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from import" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from import" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from import" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from import" -l new-version -d 'Add a version to what has this name already'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from import" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from import" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from import" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from import" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from import" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from import" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from list" -s l -l selector -d 'Only those with these labels: `key=value`, `key!=value`, `key in (a,b)`, `!key`; separated by commas' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from list" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from list" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from list" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from list" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from list" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from list" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from list" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from list" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from show" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from show" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from show" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from show" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from show" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from show" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from show" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from show" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from help" -f -a "pack" -d 'Pack a program and the libraries it needs into an OCI archive'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from help" -f -a "import" -d 'Bring an OCI archive in'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from help" -f -a "list" -d 'List images'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show one version of an image'
complete -c holdfast -n "__fish_holdfast_using_subcommand image; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and not __fish_seen_subcommand_from list show trust import rollout help" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and not __fish_seen_subcommand_from list show trust import rollout help" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and not __fish_seen_subcommand_from list show trust import rollout help" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and not __fish_seen_subcommand_from list show trust import rollout help" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and not __fish_seen_subcommand_from list show trust import rollout help" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and not __fish_seen_subcommand_from list show trust import rollout help" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and not __fish_seen_subcommand_from list show trust import rollout help" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and not __fish_seen_subcommand_from list show trust import rollout help" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and not __fish_seen_subcommand_from list show trust import rollout help" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and not __fish_seen_subcommand_from list show trust import rollout help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and not __fish_seen_subcommand_from list show trust import rollout help" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and not __fish_seen_subcommand_from list show trust import rollout help" -f -a "list" -d 'List the releases'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and not __fish_seen_subcommand_from list show trust import rollout help" -f -a "show" -d 'Show one release'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and not __fish_seen_subcommand_from list show trust import rollout help" -f -a "trust" -d 'Say whose releases are taken: the root that they have to lead to'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and not __fish_seen_subcommand_from list show trust import rollout help" -f -a "import" -d 'Prove a bundle and take it in'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and not __fish_seen_subcommand_from list show trust import rollout help" -f -a "rollout" -d 'Bring a release to the nodes, one after another'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and not __fish_seen_subcommand_from list show trust import rollout help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from list" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from list" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from list" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from list" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from list" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from list" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from list" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from list" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from show" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from show" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from show" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from show" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from show" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from show" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from show" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from show" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from trust" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from trust" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from trust" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from trust" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from trust" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from trust" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from trust" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from trust" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from trust" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from trust" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from trust" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from import" -l at -d 'The present, as 2027-06-30T00:00:00Z, where the clock of the site is not to be trusted' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from import" -l staging -d 'Where the payload is kept while it is hashed and sent; needs twice the room that it has' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from import" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from import" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from import" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from import" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from import" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from import" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from import" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from import" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from import" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from import" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from rollout" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from rollout" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from rollout" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from rollout" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from rollout" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from rollout" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from rollout" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from rollout" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from rollout" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from rollout" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from rollout" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from rollout" -f -a "start" -d 'Begin to bring a release to nodes'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from rollout" -f -a "status" -d 'Show a rollout'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from rollout" -f -a "pause" -d 'Begin no further node'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from rollout" -f -a "resume" -d 'Go on, and try nodes again that failed'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from rollout" -f -a "abort" -d 'End it, or leave its release again: nodes go back to what they had'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from rollout" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the releases'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show one release'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from help" -f -a "trust" -d 'Say whose releases are taken: the root that they have to lead to'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from help" -f -a "import" -d 'Prove a bundle and take it in'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from help" -f -a "rollout" -d 'Bring a release to the nodes, one after another'
complete -c holdfast -n "__fish_holdfast_using_subcommand release; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and not __fish_seen_subcommand_from show check help" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and not __fish_seen_subcommand_from show check help" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and not __fish_seen_subcommand_from show check help" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and not __fish_seen_subcommand_from show check help" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and not __fish_seen_subcommand_from show check help" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and not __fish_seen_subcommand_from show check help" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and not __fish_seen_subcommand_from show check help" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and not __fish_seen_subcommand_from show check help" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and not __fish_seen_subcommand_from show check help" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and not __fish_seen_subcommand_from show check help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and not __fish_seen_subcommand_from show check help" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and not __fish_seen_subcommand_from show check help" -f -a "show" -d 'Show the bundle in force'
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and not __fish_seen_subcommand_from show check help" -f -a "check" -d 'Ask what would be decided; exit code 4 where it would be refused'
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and not __fish_seen_subcommand_from show check help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and __fish_seen_subcommand_from show" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and __fish_seen_subcommand_from show" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and __fish_seen_subcommand_from show" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and __fish_seen_subcommand_from show" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and __fish_seen_subcommand_from show" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and __fish_seen_subcommand_from show" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and __fish_seen_subcommand_from show" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and __fish_seen_subcommand_from show" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and __fish_seen_subcommand_from check" -l action -d 'What is to be done' -r -f -a "use\t''
place\t''"
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and __fish_seen_subcommand_from check" -l artifact -d 'To what, as `kind/name@version`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and __fish_seen_subcommand_from check" -l node -d 'On which node' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and __fish_seen_subcommand_from check" -l tenant -d 'For whom' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and __fish_seen_subcommand_from check" -l purpose -d 'What for' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and __fish_seen_subcommand_from check" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and __fish_seen_subcommand_from check" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and __fish_seen_subcommand_from check" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and __fish_seen_subcommand_from check" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and __fish_seen_subcommand_from check" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and __fish_seen_subcommand_from check" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and __fish_seen_subcommand_from check" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and __fish_seen_subcommand_from check" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and __fish_seen_subcommand_from check" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show the bundle in force'
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and __fish_seen_subcommand_from help" -f -a "check" -d 'Ask what would be decided; exit code 4 where it would be refused'
complete -c holdfast -n "__fish_holdfast_using_subcommand policy; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and not __fish_seen_subcommand_from list head export verify help" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and not __fish_seen_subcommand_from list head export verify help" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and not __fish_seen_subcommand_from list head export verify help" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and not __fish_seen_subcommand_from list head export verify help" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and not __fish_seen_subcommand_from list head export verify help" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and not __fish_seen_subcommand_from list head export verify help" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and not __fish_seen_subcommand_from list head export verify help" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and not __fish_seen_subcommand_from list head export verify help" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and not __fish_seen_subcommand_from list head export verify help" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and not __fish_seen_subcommand_from list head export verify help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and not __fish_seen_subcommand_from list head export verify help" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and not __fish_seen_subcommand_from list head export verify help" -f -a "list" -d 'List entries'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and not __fish_seen_subcommand_from list head export verify help" -f -a "head" -d 'Print the signed head: keep it, and nobody can rewrite the log behind you'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and not __fish_seen_subcommand_from list head export verify help" -f -a "export" -d 'Write the whole log as files that anybody can verify'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and not __fish_seen_subcommand_from list head export verify help" -f -a "verify" -d 'Verify an exported log; works offline'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and not __fish_seen_subcommand_from list head export verify help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from list" -l from -d 'From this index' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from list" -l limit -d 'At most this many' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from list" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from list" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from list" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from list" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from list" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from list" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from list" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from list" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from head" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from head" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from head" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from head" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from head" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from head" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from head" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from head" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from head" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from head" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from head" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from export" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from export" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from export" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from export" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from export" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from export" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from export" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from export" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from export" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from export" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from verify" -l checkpoint -d 'A head you kept: the log has to continue it' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from verify" -l key -d 'The verifier key of the log, from a source you trust' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from verify" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from verify" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from verify" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from verify" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from verify" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from verify" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from verify" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from verify" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from verify" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from verify" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from help" -f -a "list" -d 'List entries'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from help" -f -a "head" -d 'Print the signed head: keep it, and nobody can rewrite the log behind you'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from help" -f -a "export" -d 'Write the whole log as files that anybody can verify'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from help" -f -a "verify" -d 'Verify an exported log; works offline'
complete -c holdfast -n "__fish_holdfast_using_subcommand audit; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c holdfast -n "__fish_holdfast_using_subcommand event; and not __fish_seen_subcommand_from list help" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand event; and not __fish_seen_subcommand_from list help" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand event; and not __fish_seen_subcommand_from list help" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand event; and not __fish_seen_subcommand_from list help" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand event; and not __fish_seen_subcommand_from list help" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand event; and not __fish_seen_subcommand_from list help" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand event; and not __fish_seen_subcommand_from list help" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand event; and not __fish_seen_subcommand_from list help" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand event; and not __fish_seen_subcommand_from list help" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand event; and not __fish_seen_subcommand_from list help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand event; and not __fish_seen_subcommand_from list help" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand event; and not __fish_seen_subcommand_from list help" -f -a "list" -d 'List events'
complete -c holdfast -n "__fish_holdfast_using_subcommand event; and not __fish_seen_subcommand_from list help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c holdfast -n "__fish_holdfast_using_subcommand event; and __fish_seen_subcommand_from list" -l object -d 'Only about this object, as `kind/name`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand event; and __fish_seen_subcommand_from list" -l limit -d 'At most this many, the newest' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand event; and __fish_seen_subcommand_from list" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand event; and __fish_seen_subcommand_from list" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand event; and __fish_seen_subcommand_from list" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand event; and __fish_seen_subcommand_from list" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand event; and __fish_seen_subcommand_from list" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand event; and __fish_seen_subcommand_from list" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand event; and __fish_seen_subcommand_from list" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand event; and __fish_seen_subcommand_from list" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand event; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand event; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand event; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand event; and __fish_seen_subcommand_from help" -f -a "list" -d 'List events'
complete -c holdfast -n "__fish_holdfast_using_subcommand event; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c holdfast -n "__fish_holdfast_using_subcommand apply" -s f -l file -d 'A manifest; `-` for standard input' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand apply" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand apply" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand apply" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand apply" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand apply" -l atomic -d 'Make all of it at one revision, or none where one part is refused'
complete -c holdfast -n "__fish_holdfast_using_subcommand apply" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand apply" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand apply" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand apply" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand apply" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand apply" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand apply" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand diff" -s f -l file -d 'A manifest; `-` for standard input' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand diff" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand diff" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand diff" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand diff" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand diff" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand diff" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand diff" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand diff" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand diff" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand diff" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand delete" -s f -l file -d 'A manifest; `-` for standard input' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand delete" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand delete" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand delete" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand delete" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand delete" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand delete" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand delete" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand delete" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand delete" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand delete" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand delete" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand doctor" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand doctor" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand doctor" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand doctor" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand doctor" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand doctor" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand doctor" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand doctor" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand doctor" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand doctor" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and not __fish_seen_subcommand_from open __machine help" -l to -d 'Whom it is for, as the public half of a key, instead of those to whom backups are encrypted; may be repeated' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and not __fish_seen_subcommand_from open __machine help" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and not __fish_seen_subcommand_from open __machine help" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and not __fish_seen_subcommand_from open __machine help" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and not __fish_seen_subcommand_from open __machine help" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and not __fish_seen_subcommand_from open __machine help" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and not __fish_seen_subcommand_from open __machine help" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and not __fish_seen_subcommand_from open __machine help" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and not __fish_seen_subcommand_from open __machine help" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and not __fish_seen_subcommand_from open __machine help" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and not __fish_seen_subcommand_from open __machine help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and not __fish_seen_subcommand_from open __machine help" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and not __fish_seen_subcommand_from open __machine help" -a "open" -d 'Open a bundle, offline'
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and not __fish_seen_subcommand_from open __machine help" -a "__machine" -d 'Make the bundle of one machine of the appliance, at its console'
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and not __fish_seen_subcommand_from open __machine help" -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and __fish_seen_subcommand_from open" -l key -d 'The key that opens it, as `holdfast cluster backup-key` made it' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and __fish_seen_subcommand_from open" -l into -d 'The directory of its parts; it is made' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and __fish_seen_subcommand_from open" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and __fish_seen_subcommand_from open" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and __fish_seen_subcommand_from open" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and __fish_seen_subcommand_from open" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and __fish_seen_subcommand_from open" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and __fish_seen_subcommand_from open" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and __fish_seen_subcommand_from open" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and __fish_seen_subcommand_from open" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and __fish_seen_subcommand_from open" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and __fish_seen_subcommand_from open" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and __fish_seen_subcommand_from open" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and __fish_seen_subcommand_from __machine" -l machine -d 'Its configuration' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and __fish_seen_subcommand_from __machine" -l into -d 'The directory that the bundle is written into' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and __fish_seen_subcommand_from __machine" -l run -d 'Where process 1 tells of the system, and is told what was made' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and __fish_seen_subcommand_from __machine" -l log -d 'The log of the kernel' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and __fish_seen_subcommand_from __machine" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and __fish_seen_subcommand_from __machine" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and __fish_seen_subcommand_from __machine" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and __fish_seen_subcommand_from __machine" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and __fish_seen_subcommand_from __machine" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and __fish_seen_subcommand_from __machine" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and __fish_seen_subcommand_from __machine" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and __fish_seen_subcommand_from __machine" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and __fish_seen_subcommand_from __machine" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and __fish_seen_subcommand_from __machine" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and __fish_seen_subcommand_from __machine" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and __fish_seen_subcommand_from help" -f -a "open" -d 'Open a bundle, offline'
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and __fish_seen_subcommand_from help" -f -a "__machine" -d 'Make the bundle of one machine of the appliance, at its console'
complete -c holdfast -n "__fish_holdfast_using_subcommand support-bundle; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c holdfast -n "__fish_holdfast_using_subcommand simulate; and not __fish_seen_subcommand_from fill help" -l trace -d 'The jobs' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand simulate; and not __fish_seen_subcommand_from fill help" -l cluster -d 'The nodes, how they fail, and what checkpoints cost' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand simulate; and not __fish_seen_subcommand_from fill help" -l policy -d 'The settings of the scheduler; the usual ones where not given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand simulate; and not __fish_seen_subcommand_from fill help" -l baseline -d 'Compare with what others do; easy and sjf know how long each job will run, las preempts' -r -f -a "fifo\t''
greedy\t''
easy\t''
sjf\t''
las\t''"
complete -c holdfast -n "__fish_holdfast_using_subcommand simulate; and not __fish_seen_subcommand_from fill help" -l seed -d 'Which nodes fail when; the same for every policy' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand simulate; and not __fish_seen_subcommand_from fill help" -l weeks -d 'Count the utilisation apart from the end of one week to the end of another, such as 5-13' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand simulate; and not __fish_seen_subcommand_from fill help" -l report -d 'Draw utilisation, queue depth and waits there as SVG, and write everything as JSON' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand simulate; and not __fish_seen_subcommand_from fill help" -l events -d 'Write what happened to each job and node, one JSON object a line, for those who check it' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand simulate; and not __fish_seen_subcommand_from fill help" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand simulate; and not __fish_seen_subcommand_from fill help" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand simulate; and not __fish_seen_subcommand_from fill help" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand simulate; and not __fish_seen_subcommand_from fill help" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand simulate; and not __fish_seen_subcommand_from fill help" -l only-baselines -d 'Leave the scheduler out'
complete -c holdfast -n "__fish_holdfast_using_subcommand simulate; and not __fish_seen_subcommand_from fill help" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand simulate; and not __fish_seen_subcommand_from fill help" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand simulate; and not __fish_seen_subcommand_from fill help" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand simulate; and not __fish_seen_subcommand_from fill help" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand simulate; and not __fish_seen_subcommand_from fill help" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand simulate; and not __fish_seen_subcommand_from fill help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand simulate; and not __fish_seen_subcommand_from fill help" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand simulate; and not __fish_seen_subcommand_from fill help" -f -a "fill" -d 'Fill a cluster with what is asked of it, and see how much can be had; by rule of placing'
complete -c holdfast -n "__fish_holdfast_using_subcommand simulate; and not __fish_seen_subcommand_from fill help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c holdfast -n "__fish_holdfast_using_subcommand simulate; and __fish_seen_subcommand_from fill" -l pods -d 'What is asked for' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand simulate; and __fish_seen_subcommand_from fill" -l nodes -d 'What there is' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand simulate; and __fish_seen_subcommand_from fill" -l load -d 'How much is asked for, in percent of the accelerators; each pod comes once, then some again' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand simulate; and __fish_seen_subcommand_from fill" -l rule -d 'How a place is chosen; all rules where not given' -r -f -a "default\t'The least growth of fragmentation, by what was asked for until then'
random\t'Anywhere it fits'
best-fit\t'Where the least is left'"
complete -c holdfast -n "__fish_holdfast_using_subcommand simulate; and __fish_seen_subcommand_from fill" -l seeds -d 'From how many seeds pods and their order are drawn; the same for every rule' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand simulate; and __fish_seen_subcommand_from fill" -l report -d 'Draw what was given away against what was asked for there as SVG, and write everything as JSON' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand simulate; and __fish_seen_subcommand_from fill" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand simulate; and __fish_seen_subcommand_from fill" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand simulate; and __fish_seen_subcommand_from fill" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand simulate; and __fish_seen_subcommand_from fill" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand simulate; and __fish_seen_subcommand_from fill" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand simulate; and __fish_seen_subcommand_from fill" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand simulate; and __fish_seen_subcommand_from fill" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand simulate; and __fish_seen_subcommand_from fill" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand simulate; and __fish_seen_subcommand_from fill" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand simulate; and __fish_seen_subcommand_from fill" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand simulate; and __fish_seen_subcommand_from fill" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand simulate; and __fish_seen_subcommand_from help" -f -a "fill" -d 'Fill a cluster with what is asked of it, and see how much can be had; by rule of placing'
complete -c holdfast -n "__fish_holdfast_using_subcommand simulate; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c holdfast -n "__fish_holdfast_using_subcommand explain" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand explain" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand explain" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand explain" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand explain" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand explain" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand explain" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand explain" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand explain" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand explain" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand completion" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand completion" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand completion" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand completion" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand completion" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand completion" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand completion" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand completion" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand completion" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand completion" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand completion" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand __gen" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand __gen" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand __gen" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand __gen" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand __gen" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand __gen" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand __gen" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand __gen" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand __gen" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand __gen" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand __gen" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand __controller" -l config -d 'Its configuration' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand __controller" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand __controller" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand __controller" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand __controller" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand __controller" -l with-parent -d 'Stop when the process that started it ends'
complete -c holdfast -n "__fish_holdfast_using_subcommand __controller" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand __controller" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand __controller" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand __controller" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand __controller" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand __controller" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand __controller" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand __agent" -l config -d 'Its configuration' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand __agent" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand __agent" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand __agent" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand __agent" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand __agent" -l with-parent -d 'Stop when the process that started it ends'
complete -c holdfast -n "__fish_holdfast_using_subcommand __agent" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand __agent" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand __agent" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand __agent" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand __agent" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand __agent" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand __agent" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand __machine" -l machine -d 'Its configuration, with its admission beside it' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand __machine" -l state -d 'Where its keys are' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand __machine" -l raft -d 'Where the log of a controller is' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand __machine" -l data -d 'Where a node stores things' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand __machine" -l data-listen -d 'Where the data of a node is served' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand __machine" -l relay-listen -d 'Where the gangs of a node are relayed' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand __machine" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand __machine" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand __machine" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand __machine" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand __machine" -l agent -d 'Run the agent, also on the machine of a controller'
complete -c holdfast -n "__fish_holdfast_using_subcommand __machine" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand __machine" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand __machine" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand __machine" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand __machine" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand __machine" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c holdfast -n "__fish_holdfast_using_subcommand __machine" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand __verify" -s o -l output -d 'How to write data to stdout' -r -f -a "table\t'Columns for people'
json\t'Canonical proto JSON, as the REST interface answers'
yaml\t'The same as YAML'
name\t'Names alone, one a line'"
complete -c holdfast -n "__fish_holdfast_using_subcommand __verify" -l context -d 'The context file: which cluster, and who you are there' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand __verify" -l timeout -d 'Give up after this time, such as `90s` or `1h30m`' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand __verify" -l request-id -d 'The id under which the cluster logs what this command asks for; made where none is given' -r
complete -c holdfast -n "__fish_holdfast_using_subcommand __verify" -l watch -d 'Keep printing what changes'
complete -c holdfast -n "__fish_holdfast_using_subcommand __verify" -l dry-run -d 'Check and decide everything, change nothing'
complete -c holdfast -n "__fish_holdfast_using_subcommand __verify" -l yes -d 'Do not ask before something is destroyed'
complete -c holdfast -n "__fish_holdfast_using_subcommand __verify" -l wait -d 'Return only when it is done'
complete -c holdfast -n "__fish_holdfast_using_subcommand __verify" -s v -l verbose -d 'Say more on stderr; twice for everything'
complete -c holdfast -n "__fish_holdfast_using_subcommand __verify" -s V -l version -d 'Print version'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and not __fish_seen_subcommand_from up cluster site controller node queue reservation scheduler job dataset model image release policy audit event apply diff delete doctor support-bundle simulate explain completion __gen __controller __agent __machine __verify help" -f -a "up" -d 'Run a whole cluster on this machine'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and not __fish_seen_subcommand_from up cluster site controller node queue reservation scheduler job dataset model image release policy audit event apply diff delete doctor support-bundle simulate explain completion __gen __controller __agent __machine __verify help" -f -a "cluster" -d 'See how the cluster is'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and not __fish_seen_subcommand_from up cluster site controller node queue reservation scheduler job dataset model image release policy audit event apply diff delete doctor support-bundle simulate explain completion __gen __controller __agent __machine __verify help" -f -a "site" -d 'Prepare a new cluster and its machines, away from them'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and not __fish_seen_subcommand_from up cluster site controller node queue reservation scheduler job dataset model image release policy audit event apply diff delete doctor support-bundle simulate explain completion __gen __controller __agent __machine __verify help" -f -a "controller" -d 'Let controllers in, take them out, say who leads'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and not __fish_seen_subcommand_from up cluster site controller node queue reservation scheduler job dataset model image release policy audit event apply diff delete doctor support-bundle simulate explain completion __gen __controller __agent __machine __verify help" -f -a "node" -d 'Look after nodes'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and not __fish_seen_subcommand_from up cluster site controller node queue reservation scheduler job dataset model image release policy audit event apply diff delete doctor support-bundle simulate explain completion __gen __controller __agent __machine __verify help" -f -a "queue" -d 'See where jobs wait'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and not __fish_seen_subcommand_from up cluster site controller node queue reservation scheduler job dataset model image release policy audit event apply diff delete doctor support-bundle simulate explain completion __gen __controller __agent __machine __verify help" -f -a "reservation" -d 'See what nodes are kept for'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and not __fish_seen_subcommand_from up cluster site controller node queue reservation scheduler job dataset model image release policy audit event apply diff delete doctor support-bundle simulate explain completion __gen __controller __agent __machine __verify help" -f -a "scheduler" -d 'See what the scheduler would decide'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and not __fish_seen_subcommand_from up cluster site controller node queue reservation scheduler job dataset model image release policy audit event apply diff delete doctor support-bundle simulate explain completion __gen __controller __agent __machine __verify help" -f -a "job" -d 'Submit jobs and follow them'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and not __fish_seen_subcommand_from up cluster site controller node queue reservation scheduler job dataset model image release policy audit event apply diff delete doctor support-bundle simulate explain completion __gen __controller __agent __machine __verify help" -f -a "dataset" -d 'Bring data in, check it, take it out'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and not __fish_seen_subcommand_from up cluster site controller node queue reservation scheduler job dataset model image release policy audit event apply diff delete doctor support-bundle simulate explain completion __gen __controller __agent __machine __verify help" -f -a "model" -d 'See models and take them out'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and not __fish_seen_subcommand_from up cluster site controller node queue reservation scheduler job dataset model image release policy audit event apply diff delete doctor support-bundle simulate explain completion __gen __controller __agent __machine __verify help" -f -a "image" -d 'Pack programs and bring them in'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and not __fish_seen_subcommand_from up cluster site controller node queue reservation scheduler job dataset model image release policy audit event apply diff delete doctor support-bundle simulate explain completion __gen __controller __agent __machine __verify help" -f -a "release" -d 'Take releases in and bring them to nodes'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and not __fish_seen_subcommand_from up cluster site controller node queue reservation scheduler job dataset model image release policy audit event apply diff delete doctor support-bundle simulate explain completion __gen __controller __agent __machine __verify help" -f -a "policy" -d 'Read the law in force and ask it'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and not __fish_seen_subcommand_from up cluster site controller node queue reservation scheduler job dataset model image release policy audit event apply diff delete doctor support-bundle simulate explain completion __gen __controller __agent __machine __verify help" -f -a "audit" -d 'Read, export and verify the audit log'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and not __fish_seen_subcommand_from up cluster site controller node queue reservation scheduler job dataset model image release policy audit event apply diff delete doctor support-bundle simulate explain completion __gen __controller __agent __machine __verify help" -f -a "event" -d 'See what happened'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and not __fish_seen_subcommand_from up cluster site controller node queue reservation scheduler job dataset model image release policy audit event apply diff delete doctor support-bundle simulate explain completion __gen __controller __agent __machine __verify help" -f -a "apply" -d 'Make what manifests describe'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and not __fish_seen_subcommand_from up cluster site controller node queue reservation scheduler job dataset model image release policy audit event apply diff delete doctor support-bundle simulate explain completion __gen __controller __agent __machine __verify help" -f -a "diff" -d 'Show how manifests differ from the cluster'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and not __fish_seen_subcommand_from up cluster site controller node queue reservation scheduler job dataset model image release policy audit event apply diff delete doctor support-bundle simulate explain completion __gen __controller __agent __machine __verify help" -f -a "delete" -d 'Delete what manifests describe'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and not __fish_seen_subcommand_from up cluster site controller node queue reservation scheduler job dataset model image release policy audit event apply diff delete doctor support-bundle simulate explain completion __gen __controller __agent __machine __verify help" -f -a "doctor" -d 'Check everything from this machine to the agents, with what to type'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and not __fish_seen_subcommand_from up cluster site controller node queue reservation scheduler job dataset model image release policy audit event apply diff delete doctor support-bundle simulate explain completion __gen __controller __agent __machine __verify help" -f -a "support-bundle" -d 'Put what somebody who helps has to know into one encrypted file'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and not __fish_seen_subcommand_from up cluster site controller node queue reservation scheduler job dataset model image release policy audit event apply diff delete doctor support-bundle simulate explain completion __gen __controller __agent __machine __verify help" -f -a "simulate" -d 'Run a trace of jobs on a cluster that is none, and compare policies; works offline'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and not __fish_seen_subcommand_from up cluster site controller node queue reservation scheduler job dataset model image release policy audit event apply diff delete doctor support-bundle simulate explain completion __gen __controller __agent __machine __verify help" -f -a "explain" -d 'Say what an error code means; works offline'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and not __fish_seen_subcommand_from up cluster site controller node queue reservation scheduler job dataset model image release policy audit event apply diff delete doctor support-bundle simulate explain completion __gen __controller __agent __machine __verify help" -f -a "completion" -d 'Print a completion script'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and not __fish_seen_subcommand_from up cluster site controller node queue reservation scheduler job dataset model image release policy audit event apply diff delete doctor support-bundle simulate explain completion __gen __controller __agent __machine __verify help" -f -a "__gen" -d 'Write man pages, completions and the reference of the command line'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and not __fish_seen_subcommand_from up cluster site controller node queue reservation scheduler job dataset model image release policy audit event apply diff delete doctor support-bundle simulate explain completion __gen __controller __agent __machine __verify help" -f -a "__controller" -d 'Run a controller'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and not __fish_seen_subcommand_from up cluster site controller node queue reservation scheduler job dataset model image release policy audit event apply diff delete doctor support-bundle simulate explain completion __gen __controller __agent __machine __verify help" -f -a "__agent" -d 'Run an agent'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and not __fish_seen_subcommand_from up cluster site controller node queue reservation scheduler job dataset model image release policy audit event apply diff delete doctor support-bundle simulate explain completion __gen __controller __agent __machine __verify help" -f -a "__machine" -d 'Run what a machine of the appliance is for'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and not __fish_seen_subcommand_from up cluster site controller node queue reservation scheduler job dataset model image release policy audit event apply diff delete doctor support-bundle simulate explain completion __gen __controller __agent __machine __verify help" -f -a "__verify" -d 'Verify offline'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and not __fish_seen_subcommand_from up cluster site controller node queue reservation scheduler job dataset model image release policy audit event apply diff delete doctor support-bundle simulate explain completion __gen __controller __agent __machine __verify help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from cluster" -f -a "status" -d 'What needs attention and what to type, then how everything is'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from cluster" -f -a "backup" -d 'Write everything the cluster needs to begin again, encrypted to the backup keys'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from cluster" -f -a "backup-key" -d 'Make a key that backups are encrypted to, or see and change which keys those are'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from cluster" -f -a "restore" -d 'Begin the cluster again from a backup, on this machine'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from cluster" -f -a "recover" -d 'Go on with one controller when the majority of them is lost for good'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from site" -f -a "init" -d 'Found a cluster: its CA, its law, its first controllers and its first operator'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from site" -f -a "volume" -d 'Write the volume that makes a blank machine a part of the cluster'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from site" -f -a "inspect" -d 'See what a machine has that waits for its configuration'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from site" -f -a "install" -d 'Install a machine that waits for its configuration, from here'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from controller" -f -a "list" -d 'List controllers, those that are only admitted among them'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from controller" -f -a "add" -d 'Let one more controller in'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from controller" -f -a "replace" -d 'Let a controller in that takes the place of another, dead or alive'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from controller" -f -a "join" -d 'Make this machine the controller that was admitted'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from controller" -f -a "remove" -d 'Take a controller out for good, dead or alive'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from controller" -f -a "transfer" -d 'Let another controller lead, before work on the machine of the one that leads'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from controller" -f -a "run" -d 'Run a controller in the foreground'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from node" -f -a "list" -d 'List nodes'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from node" -f -a "show" -d 'Show one node with its devices'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from node" -f -a "drain" -d 'Take no new work and move what runs elsewhere'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from node" -f -a "cordon" -d 'Take no new work'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from node" -f -a "uncordon" -d 'Take work again, after a cordon or a drain'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from node" -f -a "approve" -d 'Let a pending node in'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from node" -f -a "retire" -d 'End a node for good: its certificate is revoked'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from node" -f -a "reset" -d 'Have a machine erase what it keeps, and end its node for good'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from node" -f -a "place" -d 'Say where nodes stand: in which hall, row, rack, below which leaf switch, in which NVLink domain'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from node" -f -a "token" -d 'Make a one-time token with which a machine joins; it is shown once'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from queue" -f -a "list" -d 'List the queues'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from queue" -f -a "show" -d 'Show one queue'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from queue" -f -a "explain" -d 'Say what a queue has and may take, whose turn it is, and who is next in it'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from reservation" -f -a "list" -d 'List the reservations'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from reservation" -f -a "show" -d 'Show one reservation, its nodes, and who is in its way'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from reservation" -f -a "delete" -d 'Delete a reservation: its nodes are everybody\'s again'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from scheduler" -f -a "what-if" -d 'Show what changes would lead to, without making them'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from scheduler" -f -a "replay" -d 'Decide committed plans once more, and hold the outcome against what was committed'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from job" -f -a "submit" -d 'Submit a job'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from job" -f -a "list" -d 'List jobs'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from job" -f -a "show" -d 'Show one job with its tasks'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from job" -f -a "explain" -d 'Say why a job is where it is'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from job" -f -a "logs" -d 'Print what a task has written'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from job" -f -a "cancel" -d 'Stop a job for good'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from job" -f -a "wait" -d 'Return when a job has ended'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from job" -f -a "delete" -d 'Forget a job that has ended'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from dataset" -f -a "import" -d 'Bring a directory in as a dataset'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from dataset" -f -a "list" -d 'List datasets'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from dataset" -f -a "show" -d 'Show one version of a dataset with its label'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from dataset" -f -a "verify" -d 'Have every node that keeps a copy read and hash all of it'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from dataset" -f -a "export" -d 'Take a dataset out of the cluster'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from model" -f -a "list" -d 'List models'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from model" -f -a "show" -d 'Show one version of a model with what it was made of'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from model" -f -a "export" -d 'Take a model out of the cluster'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from image" -f -a "pack" -d 'Pack a program and the libraries it needs into an OCI archive'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from image" -f -a "import" -d 'Bring an OCI archive in'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from image" -f -a "list" -d 'List images'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from image" -f -a "show" -d 'Show one version of an image'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from release" -f -a "list" -d 'List the releases'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from release" -f -a "show" -d 'Show one release'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from release" -f -a "trust" -d 'Say whose releases are taken: the root that they have to lead to'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from release" -f -a "import" -d 'Prove a bundle and take it in'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from release" -f -a "rollout" -d 'Bring a release to the nodes, one after another'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from policy" -f -a "show" -d 'Show the bundle in force'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from policy" -f -a "check" -d 'Ask what would be decided; exit code 4 where it would be refused'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from audit" -f -a "list" -d 'List entries'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from audit" -f -a "head" -d 'Print the signed head: keep it, and nobody can rewrite the log behind you'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from audit" -f -a "export" -d 'Write the whole log as files that anybody can verify'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from audit" -f -a "verify" -d 'Verify an exported log; works offline'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from event" -f -a "list" -d 'List events'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from support-bundle" -f -a "open" -d 'Open a bundle, offline'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from support-bundle" -f -a "__machine" -d 'Make the bundle of one machine of the appliance, at its console'
complete -c holdfast -n "__fish_holdfast_using_subcommand help; and __fish_seen_subcommand_from simulate" -f -a "fill" -d 'Fill a cluster with what is asked of it, and see how much can be had; by rule of placing'
