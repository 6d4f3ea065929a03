# Installs the agent of this clone, and a task that runs it as SYSTEM from the start of Windows on.
# As administrator, with a Python 3.11 to 3.14 that is installed for all users:
#
#   powershell -ExecutionPolicy Bypass -File deploy\windows-task.ps1
#
# Again = update. Not yet tried on a real Windows: please report what you see.
#Requires -RunAsAdministrator
param(
    [string] $Python = 'py',
    [int] $Port = 9839
)
$ErrorActionPreference = 'Stop'
$name = 'GPU Heat agent'
$program = Join-Path $env:ProgramFiles 'gpu-heat-agent'
$data = Join-Path $env:ProgramData 'gpu-heat-agent'
$agent = Join-Path $program 'Scripts\gpu-heat-agent.exe'
$source = Split-Path $PSScriptRoot -Parent

function Invoke-Checked([string] $file, [string[]] $arguments) {
    & $file @arguments
    if ($LASTEXITCODE -ne 0) { throw "$file ended with $LASTEXITCODE" }
}

if (Get-ScheduledTask -TaskName $name -ErrorAction SilentlyContinue) {
    Stop-ScheduledTask -TaskName $name
    Start-Sleep -Seconds 3 # until its files can be replaced
}
Invoke-Checked $Python @('-m', 'venv', $program)
Invoke-Checked (Join-Path $program 'Scripts\python.exe') @('-m', 'pip', 'install', '--upgrade', $source)

# Token and key are there, which ProgramData would let all users read: SYSTEM and Administrators only.
New-Item -ItemType Directory -Force $data | Out-Null
Invoke-Checked 'icacls.exe' @($data, '/inheritance:r', '/grant:r', '*S-1-5-18:(OI)(CI)F', '*S-1-5-32-544:(OI)(CI)F')

$action = New-ScheduledTaskAction -Execute $agent -Argument "run --listen :$Port"
$trigger = New-ScheduledTaskTrigger -AtStartup
$principal = New-ScheduledTaskPrincipal -UserId 'S-1-5-18' -LogonType ServiceAccount -RunLevel Highest
$settings = New-ScheduledTaskSettingsSet -RestartCount 999 -RestartInterval (New-TimeSpan -Minutes 1) `
    -ExecutionTimeLimit ([TimeSpan]::Zero) -AllowStartIfOnBatteries -DontStopIfGoingOnBatteries
Register-ScheduledTask -TaskName $name -Action $action -Trigger $trigger -Principal $principal `
    -Settings $settings -Force | Out-Null

Get-NetFirewallRule -DisplayName $name -ErrorAction SilentlyContinue | Remove-NetFirewallRule
New-NetFirewallRule -DisplayName $name -Direction Inbound -Protocol TCP -LocalPort $Port `
    -Profile Private, Domain -Action Allow | Out-Null

Start-ScheduledTask -TaskName $name
& $agent check
Write-Output 'What Home Assistant asks for, token and fingerprint:'
Invoke-Checked $agent @('token')
